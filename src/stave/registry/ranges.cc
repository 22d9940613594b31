// A blob from a registry: one stream at first, several where that is faster, and a
// new one wherever the last broke.

#include "stave/registry/ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <utility>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/errors.h"
#include "stave/registry/segments.h"

namespace stave::registry {

namespace {

using Clock = std::chrono::steady_clock;

// Attempts are counted anew after so much progress: a line that drops every minute still gets a large layer
// through, and a server that drops after every byte does not keep us for ever.
constexpr std::uint64_t progress = 1ull << 20;

// When several ranges are worth it. Below 64 MiB one stream is through before others have begun. What one
// stream does in its first 16 MiB tells the rest: above 100 MB/s the line or the disk is what is waited for,
// and more connections only cost; below, a server or a window of TCP bounds each stream by itself.
constexpr std::uint64_t least_for_ranges = 64ull << 20;
constexpr std::uint64_t measured = 16ull << 20;
constexpr double fast = 100e6;  // bytes in a second

std::string range_from(std::uint64_t first) { return fmt::format("bytes={}-", first); }

// Of a 416: "bytes */TOTAL".
std::optional<std::uint64_t> find_unsatisfied_total(const http::Reply& reply) {
  const std::string field = reply.headers.find("Content-Range").value_or("");
  constexpr std::string_view before = "bytes */";
  if (!field.starts_with(before)) return std::nullopt;
  return parse_number(std::string_view(field).substr(before.size()));
}

class BlobStream final : public Source {
 public:
  BlobStream(std::shared_ptr<const Reach> reach, Location location, const Digest& digest,
             std::uint64_t offset)
      : reach_(std::move(reach)), location_(std::move(location)), digest_(digest), position_(offset) {
    ++reach_->parts().streams;
  }
  BlobStream(const BlobStream&) = delete;
  BlobStream& operator=(const BlobStream&) = delete;
  ~BlobStream() override {
    end_segments();
    --reach_->parts().streams;
  }

  // False if the place does not have it.
  bool open();
  std::size_t read(MutableBytes out) override;

 private:
  http::Reply fetch(const Context& context, const std::string& range) const;
  std::size_t read_stream(MutableBytes out);
  void accept(http::Reply reply, std::uint64_t begins);
  void settle_total(std::optional<std::uint64_t> total);
  void discard(std::uint64_t bytes);
  void recover(const Error& why);
  bool move_on(const Error& why);
  void consider_segments();
  void fetch_segment(std::stop_token stop, std::uint64_t first, MutableBytes out) const;
  void end_segments();
  bool at_end() const { return total_ && position_ >= *total_; }
  std::string operation() const {
    return fmt::format("reading {} of docker://{}/{}", digest_.str(), printable(location_.host),
                       printable(location_.path));
  }

  std::shared_ptr<const Reach> reach_;
  Location location_;
  Digest digest_;
  std::uint64_t position_;  // of the next byte to be given
  std::optional<std::uint64_t> total_;
  std::optional<http::Reply> reply_;
  bool ended_ = false;
  unsigned failures_ = 0;
  std::uint64_t failed_at_ = 0;

  std::uint64_t streamed_ = 0;  // bytes of this connection, and the time that was waited for them
  Clock::duration waited_{};
  bool segments_refused_ = false;
  std::unique_ptr<Segments> segments_;
};

http::Reply BlobStream::fetch(const Context& context, const std::string& range) const {
  Ask ask;
  ask.rest = "blobs/" + digest_.str();
  ask.scope.path = location_.path;
  // Bytes as they are kept: offsets count in them (RFC 9110, 8.4).
  ask.headers.add("Accept-Encoding", "identity");
  if (!range.empty()) ask.headers.add("Range", range);
  return reach_->parts().send(context, location_, ask);
}

// A stream at `position_`, whatever of ranges the server understands.
bool BlobStream::open() {
  reply_.reset();
  streamed_ = 0;
  waited_ = {};
  http::Reply reply = fetch(reach_->context, position_ == 0 ? std::string() : range_from(position_));
  if (position_ != 0 && reply.status == 416) {
    const auto total = find_unsatisfied_total(reply);
    if (total && *total <= position_) {
      settle_total(total);
      ended_ = true;
      return true;
    }
  }
  const bool refused = reply.status == 416 || reply.status == 400 || reply.status == 501;
  if (position_ != 0 && refused) reply = fetch(reach_->context, {});
  if (reply.status == 404) return false;
  if (reply.status == 200) {
    accept(std::move(reply), 0);
    return true;
  }
  if (reply.status == 206 && position_ != 0) {
    const auto range = parse_content_range(reply.headers.find("Content-Range").value_or(""));
    if (!range || range->first != position_) {
      throw Error(
          Kind::invalid,
          fmt::format("{}: asked for the bytes from {} on, {} gave {}", operation(), position_,
                      printable(location_.host), quote(reply.headers.find("Content-Range").value_or(""))),
          "the registry, or a proxy before it, treats ranges wrongly");
    }
    settle_total(range->total);
    accept(std::move(reply), position_);
    return true;
  }
  throw error_of(read_refusal(reply), operation(), location_, Doing::pull);
}

// Takes a body whose first byte is byte `begins` of the blob.
void BlobStream::accept(http::Reply reply, std::uint64_t begins) {
  if (begins == 0) settle_total(reply.length);
  reply_ = std::move(reply);
  if (begins < position_) discard(position_ - begins);
}

void BlobStream::settle_total(std::optional<std::uint64_t> total) {
  if (!total) return;
  if (total_ && *total_ != *total) {
    throw Error(Kind::mismatch,
                fmt::format("{}: it had {} bytes, and now has {}", operation(), *total_, *total),
                "the registry gives different bytes under one digest");
  }
  total_ = total;
}

// A server without ranges makes us pay for what we have already.
void BlobStream::discard(std::uint64_t bytes) {
  std::vector<std::byte> piece(limits::copy_buffer);
  while (bytes != 0) {
    reach_->context.check();
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, piece.size()));
    const std::size_t n = reply_->body->read(MutableBytes(piece).first(wanted));
    if (n == 0) {  // shorter than the offset
      reply_.reset();
      ended_ = true;
      return;
    }
    bytes -= n;
  }
}

std::size_t BlobStream::read(MutableBytes out) {
  if (out.empty()) return 0;
  reach_->context.check();
  for (;;) {
    if (ended_ || at_end()) {
      reply_.reset();
      end_segments();
      return 0;
    }
    // Never more than was announced, however much comes.
    if (total_)
      out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), *total_ - position_)));
    try {
      const std::size_t n = segments_ ? segments_->read(out) : read_stream(out);
      if (n != 0) {
        position_ += n;
        consider_segments();
        return n;
      }
      if (!total_) {
        ended_ = true;
        continue;
      }
      throw Error(Kind::io,
                  fmt::format("{}: it ended after {} of {} bytes", operation(), position_, *total_));
    } catch (const Error& e) {
      if (segments_ && e.kind() != Kind::cancelled) {
        // Whatever it was: one stream from here on says the same, or gets through.
        end_segments();
        segments_refused_ = true;
      } else if (e.kind() != Kind::io) {
        throw;
      }
      recover(e);
    }
  }
}

std::size_t BlobStream::read_stream(MutableBytes out) {
  const Clock::time_point begin = Clock::now();
  const std::size_t n = reply_ ? reply_->body->read(out) : 0;
  waited_ += Clock::now() - begin;
  streamed_ += n;
  return n;
}

void BlobStream::recover(const Error& why) {
  reply_.reset();
  const http::Options& options = reach_->network->settings().http;
  if (position_ >= failed_at_ + progress) failures_ = 0;
  failed_at_ = position_;
  if (++failures_ >= std::max(1U, options.attempts)) {
    if (move_on(why)) return;
    throw Error(Kind::io, fmt::format("{} (after {} attempts)", why.what(), failures_),
                "the connection breaks again and again; what arrived is kept, so try again");
  }
  pause(reach_->context, options, failures_);
  bool there = false;
  try {
    there = open();
  } catch (const Error& e) {
    // http made its own attempts before it gave up.
    if (e.kind() != Kind::cancelled && e.kind() != Kind::mismatch && move_on(e)) return;
    throw;
  }
  if (!there && !move_on(why)) {
    throw Error(Kind::not_found, operation() + ": the registry has it no more", "it was removed meanwhile");
  }
}

// The places behind a mirror may have what it could not finish.
bool BlobStream::move_on(const Error& why) {
  while (location_.mirror) {
    const auto next = reach_->next(location_, true);
    if (!next) return false;
    reach_->context.progress->warn(fmt::format("{}; going on at {}", why.what(), printable(next->host)));
    location_ = *next;
    failures_ = 0;
    try {
      if (open()) return true;
    } catch (const Error&) {
      if (!location_.mirror) throw;
    }
  }
  return false;
}

void BlobStream::consider_segments() {
  const Settings& settings = reach_->network->settings();
  if (segments_ || segments_refused_ || streamed_ < measured || settings.ranges < 2) return;
  segments_refused_ = true;  // considered once
  // Bytes that are rationed come no faster on four connections, and where other blobs are under way they are
  // the other connections.
  if (settings.http.rate != 0 || reach_->parts().streams != 1) return;
  if (!total_ || *total_ < least_for_ranges || *total_ - position_ < 2 * Segments::segment) return;
  const double seconds = std::chrono::duration<double>(waited_).count();
  if (static_cast<double>(streamed_) > fast * seconds) return;
  reply_.reset();
  segments_ = std::make_unique<Segments>(position_, *total_, std::min(settings.ranges, 8U),
                                         [this](std::stop_token stop, std::uint64_t first, MutableBytes out) {
                                           fetch_segment(std::move(stop), first, out);
                                         });
}

void BlobStream::end_segments() { segments_.reset(); }

// Any other answer than the very range that was asked for is a failure: then one stream goes on.
void BlobStream::fetch_segment(std::stop_token stop, std::uint64_t first, MutableBytes out) const {
  std::stop_source either;
  const std::stop_callback own(std::move(stop), [&] { either.request_stop(); });
  const std::stop_callback outer(reach_->context.stop, [&] { either.request_stop(); });
  Context context = reach_->context;
  context.stop = either.get_token();
  http::Reply reply = fetch(context, fmt::format("bytes={}-{}", first, first + out.size() - 1));
  const ContentRange want{.first = first, .last = first + out.size() - 1, .total = total_};
  const auto range = parse_content_range(reply.headers.find("Content-Range").value_or(""));
  if (reply.status != 206 || !range || *range != want) {
    throw Error(Kind::io, operation() + ": the registry does not serve ranges");
  }
  if (read_full(*reply.body, out) != out.size()) throw Error(Kind::io, operation() + ": a range ended early");
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  text.remove_prefix(unit.size());
  const std::size_t dash = text.find('-');
  const std::size_t slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = parse_number(text.substr(0, dash));
  const auto last = parse_number(text.substr(dash + 1, slash - dash - 1));
  const std::string_view total_text = text.substr(slash + 1);
  const auto total = parse_number(total_text);
  if (!first || !last || *last < *first || (!total && total_text != "*")) return std::nullopt;
  if (total && *last >= *total) return std::nullopt;
  return ContentRange{.first = *first, .last = *last, .total = total};
}

std::unique_ptr<Source> open_blob(std::shared_ptr<const Reach> reach, const Digest& digest,
                                  std::uint64_t offset) {
  using Found = std::unique_ptr<Source>;
  auto found = reach->first<Found>(true, [&](const Location& location) -> std::optional<Found> {
    auto stream = std::make_unique<BlobStream>(reach, location, digest, offset);
    if (!stream->open()) return std::nullopt;
    return stream;
  });
  return found ? std::move(*found) : nullptr;
}

}  // namespace stave::registry
