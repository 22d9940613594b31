// Layers: the stream of one, from the blob to its entries. A failure is told
// apart by where it began: the medium, the compression, or the archive.

#include "stave/validate/layers.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/base/watched.h"
#include "stave/compress/compress.h"
#include "stave/hash/digest.h"
#include "stave/layer/reader.h"
#include "stave/tar/tar.h"
#include "stave/validate/entries.h"

namespace stave::validate {
namespace {

// Passes on another Source and remembers whether that one failed, so that who catches an error above knows
// where it began.
class Watched : public Source {
 public:
  explicit Watched(Source& source) : source_(source) {}
  std::size_t read(MutableBytes out) override {
    try {
      return source_.read(out);
    } catch (const Error&) {
      failed_ = true;
      throw;
    }
  }
  bool failed() const { return failed_; }

 private:
  Source& source_;
  bool failed_ = false;
};

// What a media type says of the compression; nullopt for one that is no tar layer's.
std::optional<compress::Format> format_of(std::string_view media_type) {
  if (!spec::media::is_layer(media_type)) return std::nullopt;
  if (media_type.ends_with("gzip")) return compress::Format::gzip;
  if (media_type.ends_with("zstd")) return compress::Format::zstd;
  return compress::Format::none;
}

// A layer and what is said of it elsewhere.
struct Claimed {
  std::string name;
  Where where;  // of the descriptor
  std::uint64_t size = 0;
  std::optional<spec::Descriptor> descriptor = {};
  std::optional<Digest> diff_id = {};
  Where diff_id_where = {};
  Entries::Place place = Entries::Place::alone;
};

Where inside(Where where, std::string_view member) {
  where.at += member;
  where.line = where.column = 0;
  return where;
}

class LayerPass {
 public:
  LayerPass(const Context& context, const Claimed& claimed, Below& below, Report& report)
      : context_(context), claimed_(claimed), below_(below), report_(report) {}

  Read run(Source& medium) {
    Task task(context_, claimed_.name, claimed_.size);
    WatchedSource watched(context_, medium, task);
    HashingSink hash(claimed_.descriptor ? claimed_.descriptor->digest.algorithm() : Algorithm::sha256);
    TeeSource tee(watched, hash);
    Watched stored(tee);
    std::array<std::byte, 6> first{};
    const std::size_t n = read_full(stored, first);
    const auto format = compress::sniff(Bytes(first).first(n));
    check_format(format);
    PrefixedSource whole(std::string(as_text(Bytes(first).first(n))), stored);
    read_plain(whole, format, stored);
    CountingSink nothing;
    copy(stored, nothing);
    read_.stored = hash.size();
    read_.layers = 1;
    if (claimed_.descriptor) check_digest(*claimed_.descriptor, hash.size(), std::move(hash).finish());
    task.done();
    return read_;
  }

 private:
  void check_format(compress::Format format) {
    const auto wanted = claimed_.descriptor ? format_of(claimed_.descriptor->media_type) : std::nullopt;
    if (!wanted || *wanted == format) return;
    report_.add("E522", inside(claimed_.where, "/mediaType"),
                fmt::format("{} is for {}, and the blob is {}", quote(claimed_.descriptor->media_type),
                            said(*wanted), said(format)));
  }

  static std::string said(compress::Format format) {
    return format == compress::Format::none ? "a plain tar" : std::string(compress::name(format));
  }

  void read_plain(Source& whole, compress::Format format, const Watched& stored) {
    HashingSink hash(claimed_.diff_id ? claimed_.diff_id->algorithm() : Algorithm::sha256);
    try {
      const auto decompressed = compress::decompress(whole, format, context_.jobs);
      CappedSource capped(*decompressed, limits::layer_bytes, "the layer");
      TeeSource tee(capped, hash);
      Watched plain(tee);
      read_archive(plain);
      CountingSink rest;
      copy(plain, rest);
      check_diff_id(std::move(hash).finish());
    } catch (const Error& e) {
      if (stored.failed() || is_ours(e)) throw;
      add(e.kind() == Kind::limit ? "E530" : "E501", e.what());
    }
    read_.plain = hash.size();
  }

  // The entries, as far as the archive can be read. Throws only what `plain` throws.
  void read_archive(Watched& plain) {
    Entries entries(claimed_.name, claimed_.place, below_, report_);
    try {
      tar::Reader reader(plain, tar::Reader::Ending::without_padding);
      tar::Header header;
      layer::MetadataCount metadata;
      while (reader.next(header)) {
        metadata.add(header);
        entries.see(header);
        if (entries.count() > limits::layer_entries)
          throw limits::layer_entries.exceeded(
              fmt::format("the layer has more than {} entries", limits::layer_entries.shown()));
      }
      if (!reader.ended_properly()) add("W509", "the archive just stops");
      if (reader.drain()) add("E510", "something other than zeros follows");
    } catch (const Error& e) {
      if (plain.failed() || is_ours(e)) throw;
      add(code_of(e), e.what());
    }
    read_.entries = entries.count();
    entries.finish(below_);
  }

  // Nothing that a layer can bring about.
  static bool is_ours(const Error& error) {
    return error.kind() == Kind::cancelled || error.kind() == Kind::internal;
  }

  static std::string_view code_of(const Error& error) {
    if (error.kind() == Kind::limit) return "E530";
    return error.kind() == Kind::unsupported ? "E515" : "E503";
  }

  void check_diff_id(const Digest& digest) {
    if (!claimed_.diff_id || digest == *claimed_.diff_id) return;
    report_.add("E502", claimed_.diff_id_where,
                fmt::format("the config says {}, the tar of {} is {}", claimed_.diff_id->str(), claimed_.name,
                            digest.str()));
  }

  void check_digest(const spec::Descriptor& descriptor, std::uint64_t size, const Digest& digest) {
    if (digest != descriptor.digest)
      report_.add("E012", inside(claimed_.where, "/digest"),
                  fmt::format("the blob's content is {} ({} bytes)", digest.str(), size));
  }

  void add(std::string_view code, std::string found) {
    report_.add(code, {.file = claimed_.name}, std::move(found));
  }

  const Context& context_;
  const Claimed& claimed_;
  Below& below_;
  Report& report_;
  Read read_;
};

void join(Read& all, const Read& one) {
  all.layers += one.layers;
  all.entries += one.entries;
  all.stored += one.stored;
  all.plain += one.plain;
}

// A blob that is no tar layer (of an artifact): only its digest can be looked at.
void check_blob(const Context& context, Source& source, const LayerUse& use, Report& report) {
  Task task(context, fmt::format("layer {}", use.number), use.descriptor.size);
  WatchedSource watched(context, source, task);
  HashingSink hash(use.descriptor.digest.algorithm());
  copy(watched, hash);
  const Digest digest = std::move(hash).finish();
  if (digest != use.descriptor.digest)
    report.add("E012", inside(use.where, "/digest"), fmt::format("the blob's content is {}", digest.str()));
  task.done();
}

}  // namespace

Read check_layers(const Context& context, const content::BlobSource& blobs, const Graph& graph,
                  Report& report) {
  Read all;
  for (const auto& image : graph.images) {
    Below below;
    auto place = Entries::Place::lowest;
    for (const auto& use : image.layers) {
      const auto source = blobs.find(use.descriptor.digest);
      if (!source) {
        place = Entries::Place::alone;  // what is below the next one is not known any more
        continue;
      }
      if (!spec::media::is_layer(use.descriptor.media_type)) {
        check_blob(context, *source, use, report);
        continue;
      }
      Where diff_id = image.config_where;
      diff_id.at = fmt::format("/rootfs/diff_ids/{}", use.number - 1);
      const Claimed claimed{
          .name = fmt::format("layer {} ({}:{})", use.number, name(use.descriptor.digest.algorithm()),
                              use.descriptor.digest.short_hex()),
          .where = use.where,
          .size = use.descriptor.size,
          .descriptor = use.descriptor,
          .diff_id = use.diff_id,
          .diff_id_where = std::move(diff_id),
          .place = place};
      join(all, LayerPass(context, claimed, below, report).run(*source));
      if (place == Entries::Place::lowest) place = Entries::Place::above;
    }
  }
  return all;
}

Read check_layer(const Context& context, Source& stored, std::uint64_t size, const std::string& name,
                 Report& report) {
  Below below;
  const Claimed claimed{.name = name, .where = {.file = name}, .size = size};
  return LayerPass(context, claimed, below, report).run(stored);
}

}  // namespace stave::validate
