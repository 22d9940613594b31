// How a blob gets into a registry: it is there, it is mounted, or it is sent.
//
// Below a MiB it goes in the closing PUT, which can simply be sent again. Larger ones go by PATCH, so that
// what arrived before a connection broke need not be sent twice; a registry that does not know PATCH gets all
// of it in one PUT.

#include "stave/registry/upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <span>
#include <utility>

#include "stave/base/error.h"
#include "stave/base/text.h"
#include "stave/registry/errors.h"

namespace stave::registry {

namespace {

constexpr std::uint64_t small = 1ull << 20;
constexpr std::uint64_t least_remembered = 8ull << 20;
constexpr std::size_t most_mounts = 3;          // repositories that are tried; each costs a request
constexpr unsigned most_lost = 3;               // uploads that a registry forgets
constexpr std::uint64_t progress = 1ull << 20;  // after which failures are counted anew, as when reading

// Some bytes of a blob: exactly those of one request, each told once however often it is sent.
class Piece final : public Source {
 public:
  Piece(const Context& context, Source& source, std::uint64_t size, std::function<void(std::uint64_t)> tell)
      : context_(context), source_(source), left_(size), tell_(std::move(tell)) {}

  std::size_t read(MutableBytes out) override {
    context_.check();
    const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    const std::size_t n = wanted == 0 ? 0 : source_.read(out.first(wanted));
    if (n == 0 && wanted != 0) {
      throw Error(Kind::mismatch, fmt::format("it ended {} bytes before its size", left_),
                  "the place it is taken from is damaged; `stave fsck` looks at the local store");
    }
    left_ -= n;
    tell_(n);
    return n;
  }

 private:
  const Context& context_;
  Source& source_;
  std::uint64_t left_;
  std::function<void(std::uint64_t)> tell_;
};

// "0-N", which some write as "bytes=0-N"; gives N.
std::optional<std::uint64_t> find_last(const http::Reply& reply) {
  const std::string field = reply.headers.find("Range").value_or("");
  std::string_view text = field;
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  return text.starts_with("0-") ? parse_number(text.substr(2)) : std::nullopt;
}

class Upload {
 public:
  Upload(const Reach& reach, const content::BlobSource& blobs, const spec::Descriptor& blob, const Sent& sent)
      : reach_(reach),
        blobs_(blobs),
        blob_(blob),
        sent_(sent),
        sessions_(reach.network->settings().state_directory, reach.home, blob.digest),
        operation_(fmt::format("pushing {} to {}", blob.digest.str(), printable(reach.str()))),
        chunk_(reach.network->settings().chunk_bytes) {}

  Pushed run(const std::vector<std::string>& from);

 private:
  // What became of a session.
  enum class Outcome : std::uint8_t { done, lost };

  Ask ask(const char* method, const http::Url& url) const;
  bool is_there() const;
  bool mount(const std::vector<std::string>& from);
  void begin();
  void take_session(const http::Reply& reply);
  void cancel() const;
  bool recall();

  Outcome send_all();
  Outcome send_small();
  Outcome send_whole();
  Outcome send_chunks();
  Outcome send_chunk(std::uint64_t size);
  Outcome after_chunk(http::Reply& reply, std::uint64_t size);
  Outcome look_again();
  Outcome close();
  Outcome judge(http::Reply& reply);

  Source& source_at(std::uint64_t offset);
  void told_to(std::uint64_t offset);
  void failed(const Error& why);
  void failed(http::Reply& reply);
  bool is_remembered() const { return blob_.size >= least_remembered && chunk_ != 0; }

  const Reach& reach_;
  const content::BlobSource& blobs_;
  const spec::Descriptor& blob_;
  const Sent& sent_;
  Sessions sessions_;
  std::string operation_;
  std::uint64_t chunk_;

  Session session_;
  bool broken_ =
      false;  // a request of this session failed, or it is one from before: its bytes may be others
  bool without_patch_ = false;
  unsigned failures_ = 0;
  std::uint64_t failed_at_ = 0;
  std::uint64_t told_ = 0;
  std::unique_ptr<Source> source_;
  std::uint64_t source_offset_ = 0;
};

Ask Upload::ask(const char* method, const http::Url& url) const {
  Ask ask;
  ask.method = method;
  ask.url = url;
  ask.scope = Scope{.path = reach_.home.path, .actions = "pull,push", .mount_from = {}};
  return ask;
}

bool Upload::is_there() const {
  const http::Url url = reach_.parts().url(reach_.context, reach_.home, "blobs/" + blob_.digest.str());
  http::Reply reply = reach_.send(reach_.home, ask("HEAD", url));
  if (reply.status == 200) return find_length(reply) == blob_.size;
  if (reply.status == 404 || reply.status == 405) return false;
  // Some answer 403 to a HEAD in a repository that does not exist yet: the POST will say.
  if (reply.status == 403 || reply.status == 400) return false;
  throw error_of(read_refusal(reply), operation_, reach_.home, Doing::push);
}

// True: mounted. A registry that cannot begins an upload instead, which is then ours (distribution-spec,
// "Mounting a blob from another repository").
bool Upload::mount(const std::vector<std::string>& from) {
  for (std::size_t i = 0; i < std::min(from.size(), most_mounts); ++i) {
    if (from[i] == reach_.home.path) continue;
    const http::Url url = reach_.parts()
                              .url(reach_.context, reach_.home, "blobs/uploads/")
                              .with("mount", blob_.digest.str())
                              .with("from", from[i]);
    Ask post = ask("POST", url);
    post.scope.mount_from = from[i];
    try {
      http::Reply reply = reach_.send(reach_.home, post);
      if (reply.status == 201) return true;
      if (reply.status != 202) continue;
      if (!session_.location.host.empty()) cancel();
      take_session(reply);
    } catch (const Error& e) {
      // No right to read there: then the bytes are sent.
      if (e.kind() != Kind::denied) throw;
    }
  }
  return false;
}

void Upload::begin() {
  http::Url url = reach_.parts().url(reach_.context, reach_.home, "blobs/uploads/");
  if (blob_.digest.algorithm() != Algorithm::sha256) {
    url = url.with("digest-algorithm", name(blob_.digest.algorithm()));
  }
  http::Reply reply = reach_.send(reach_.home, ask("POST", url));
  if (reply.status != 202) throw error_of(read_refusal(reply), operation_, reach_.home, Doing::push);
  take_session(reply);
}

void Upload::take_session(const http::Reply& reply) {
  const auto location = reply.headers.find("Location");
  if (!location) {
    throw Error(Kind::invalid, operation_ + ": the registry began an upload and did not say where",
                "a Location is missing in its reply; a proxy may have removed it");
  }
  try {
    session_ = Session{.location = Network::Parts::named_url(reply.url, *location), .offset = 0};
  } catch (const Error& e) {
    throw e.within(operation_);
  }
  broken_ = false;
  // Smaller chunks than it says are refused; one that is as large as the blob is always fine.
  const auto least = parse_number(reply.headers.find("OCI-Chunk-Min-Length").value_or(""));
  if (least && chunk_ != 0) chunk_ = std::max(chunk_, *least);
  if (is_remembered()) sessions_.keep(session_);
}

void Upload::cancel() const {
  try {
    static_cast<void>(reach_.send(reach_.home, ask("DELETE", session_.location)));
  } catch (const Error& e) {
    // The registry forgets it by itself some day ("Cancel a blob upload").
    if (e.kind() == Kind::cancelled) throw;
  }
}

// An upload of an earlier push that the registry still knows.
bool Upload::recall() {
  if (!is_remembered()) return false;
  const auto kept = sessions_.find();
  if (!kept) return false;
  const http::Url home = reach_.parts().url(reach_.context, reach_.home, "");
  if (kept->location.plain() && !home.plain()) return false;
  session_ = *kept;
  broken_ = true;
  try {
    if (look_again() == Outcome::done) return true;
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;  // else it is no worse than lost
  }
  sessions_.forget();
  session_ = {};
  return false;
}

Pushed Upload::run(const std::vector<std::string>& from) {
  if (is_there()) {
    told_to(blob_.size);
    return Pushed::there_already;
  }
  if (!recall()) {
    if (mount(from)) {
      told_to(blob_.size);
      return Pushed::mounted;
    }
    if (session_.location.host.empty()) begin();
  }
  unsigned lost = 0;
  for (unsigned before = failures_; send_all() == Outcome::lost; before = failures_) {
    sessions_.forget();
    source_.reset();
    // A close whose reply was lost, and that was sent again, is one for which there is no upload any more.
    if (is_there()) break;
    // Where a connection failed, that is what is counted.
    if (before == failures_ && ++lost == most_lost) {
      throw Error(Kind::io, fmt::format("{}: the registry lost the upload {} times", operation_, lost),
                  "it, or what stands before it, does not keep uploads: several servers without a common "
                  "storage, or a session that is not routed to the same one");
    }
    begin();
  }
  sessions_.forget();
  told_to(blob_.size);
  return Pushed::sent;
}

Upload::Outcome Upload::send_all() {
  if (session_.offset == 0 && blob_.size <= small) return send_small();
  if (session_.offset == 0 && (chunk_ == 0 || without_patch_)) return send_whole();
  const Outcome outcome = send_chunks();
  if (outcome == Outcome::lost) return outcome;
  return without_patch_ ? send_whole() : close();
}

Upload::Outcome Upload::send_small() {
  std::string bytes(static_cast<std::size_t>(blob_.size), '\0');
  if (!bytes.empty()) {
    Piece piece(reach_.context, source_at(0), blob_.size, [](std::uint64_t) {});
    source_offset_ = read_full(piece, std::as_writable_bytes(std::span(bytes)));
  }
  Ask put = ask("PUT", session_.location.with("digest", blob_.digest.str()));
  put.headers.add("Content-Type", "application/octet-stream");
  put.body = std::move(bytes);
  http::Reply reply = reach_.send(reach_.home, put);
  return judge(reply);
}

// distribution-spec, "POST then PUT".
Upload::Outcome Upload::send_whole() {
  const std::uint64_t size = blob_.size;
  std::uint64_t at = 0;
  Piece piece(reach_.context, source_at(0), size, [&](std::uint64_t n) { told_to(at += n); });
  Ask put = ask("PUT", session_.location.with("digest", blob_.digest.str()));
  put.headers.add("Content-Type", "application/octet-stream");
  put.stream = &piece;
  put.stream_size = size;
  source_offset_ = size;
  try {
    http::Reply reply = reach_.send(reach_.home, put);
    if (reply.status == 401 || reply.status == 429 || reply.status >= 500) {
      failed(reply);
    } else {
      return judge(reply);
    }
  } catch (const Error& e) {
    if (e.kind() != Kind::io) throw;
    failed(e);
  }
  source_.reset();
  begin();
  return send_whole();
}

Upload::Outcome Upload::send_chunks() {
  while (session_.offset < blob_.size && !without_patch_) {
    const std::uint64_t rest = blob_.size - session_.offset;
    // A last chunk is never empty, and never so small that it is worth no request.
    if (send_chunk(rest - std::min(rest, chunk_) < small ? rest : chunk_) == Outcome::lost) {
      return Outcome::lost;
    }
  }
  return Outcome::done;
}

Upload::Outcome Upload::send_chunk(std::uint64_t size) {
  std::uint64_t at = session_.offset;
  Piece piece(reach_.context, source_at(at), size, [&](std::uint64_t n) { told_to(at += n); });
  Ask patch = ask("PATCH", session_.location);
  patch.headers.add("Content-Type", "application/octet-stream");
  patch.headers.add("Content-Range", fmt::format("{}-{}", at, at + size - 1));
  patch.stream = &piece;
  patch.stream_size = size;
  try {
    http::Reply reply = reach_.send(reach_.home, patch);
    source_offset_ = at;
    return after_chunk(reply, size);
  } catch (const Error& e) {
    if (e.kind() != Kind::io) throw e.kind() == Kind::mismatch ? e.within(operation_) : e;
    source_.reset();
    broken_ = true;
    failed(e);
    return look_again();
  }
}

// distribution-spec, "Pushing a blob in chunks": 202 with a new Location and how far it is.
Upload::Outcome Upload::after_chunk(http::Reply& reply, std::uint64_t size) {
  const int status = reply.status;
  if (status == 202 || status == 201 || status == 204) {
    const auto last = find_last(reply);
    const std::uint64_t expected = session_.offset + size;
    if (last && *last + 1 != expected) {
      broken_ = true;
      failed(Error(Kind::io,
                   fmt::format("{}: the registry kept {} bytes of {}", operation_, *last + 1, expected)));
      return look_again();
    }
    if (const auto location = reply.headers.find("Location")) {
      session_.location = Network::Parts::named_url(reply.url, *location);
    }
    session_.offset = expected;
    if (is_remembered() && expected < blob_.size) sessions_.keep(session_);
    return Outcome::done;
  }
  const bool no_patch = status == 405 || status == 501;
  if (no_patch && session_.offset == 0) {
    without_patch_ = true;
    source_.reset();
    return Outcome::done;
  }
  if (status == 416 || status == 401 || status == 408 || status == 429 || status >= 500) {
    broken_ = true;
    failed(reply);
    return look_again();
  }
  return judge(reply);
}

// How far the upload is (distribution-spec, end-13). `done`: it goes on.
Upload::Outcome Upload::look_again() {
  http::Reply reply = reach_.send(reach_.home, ask("GET", session_.location));
  if (reply.status != 204 && reply.status != 202 && reply.status != 200) {
    if (reply.status == 401 || reply.status == 403) return judge(reply);
    return Outcome::lost;
  }
  const auto last = find_last(reply);
  // "0-0" is one byte, and what docker's registry (2.8) says of every upload: it does not tell how far it is.
  // What it confirmed before still holds, at the Location that it gave with it; if not, that one refuses.
  if (!last || *last == 0) return session_.offset == 0 ? Outcome::lost : Outcome::done;
  if (*last >= blob_.size) return Outcome::lost;
  session_.offset = *last + 1;
  if (const auto location = reply.headers.find("Location")) {
    session_.location = Network::Parts::named_url(reply.url, *location);
  }
  told_to(session_.offset);
  return Outcome::done;
}

Upload::Outcome Upload::close() {
  http::Reply reply =
      reach_.send(reach_.home, ask("PUT", session_.location.with("digest", blob_.digest.str())));
  return judge(reply);
}

// Of what ends a session, well or not.
Upload::Outcome Upload::judge(http::Reply& reply) {
  if (reply.status == 201 || reply.status == 200 || reply.status == 204) {
    const auto said = Digest::find(reply.headers.find("Docker-Content-Digest").value_or(""));
    if (said && said->algorithm() == blob_.digest.algorithm() && *said != blob_.digest) {
      throw Error(Kind::mismatch, fmt::format("{}: the registry took it as {}", operation_, said->str()),
                  "the registry, or a proxy before it, is broken or lies");
    }
    return Outcome::done;
  }
  const Refusal refusal = read_refusal(reply);
  const bool unknown = refusal.code == "BLOB_UPLOAD_UNKNOWN" || refusal.code == "BLOB_UPLOAD_INVALID" ||
                       (refusal.status == 404 && refusal.code.empty() && !refusal.web_page);
  if (unknown || refusal.status == 416) return Outcome::lost;
  // Bytes of before a failure may be others than we think.
  if (broken_ && (refusal.code == "DIGEST_INVALID" || refusal.code == "SIZE_INVALID")) return Outcome::lost;
  throw error_of(refusal, operation_, reach_.home, Doing::push);
}

Source& Upload::source_at(std::uint64_t offset) {
  if (!source_ || source_offset_ != offset) {
    source_ = offset == 0 ? blobs_.find(blob_.digest) : blobs_.find_from(blob_.digest, offset);
    source_offset_ = offset;
  }
  if (!source_) {
    throw Error(Kind::not_found, fmt::format("{} has no blob {}", blobs_.describe(), blob_.digest.str()),
                "the image is incomplete where it was taken from; copy it again from a complete place");
  }
  return *source_;
}

void Upload::told_to(std::uint64_t offset) {
  if (offset <= told_) return;
  sent_(offset - told_);
  told_ = offset;
}

// Counts a failure, and waits before the next attempt.
void Upload::failed(const Error& why) {
  const http::Options& options = reach_.network->settings().http;
  if (told_ >= failed_at_ + progress) failures_ = 0;
  failed_at_ = told_;
  if (++failures_ >= std::max(1U, options.attempts)) {
    throw Error(why.kind(), fmt::format("{}: {} (after {} attempts)", operation_, why.what(), failures_),
                why.hint().empty() ? "push again: it goes on where it was if the registry can" : why.hint());
  }
  pause(reach_.context, options, failures_);
}

void Upload::failed(http::Reply& reply) {
  const Refusal refusal = read_refusal(reply);
  const http::Options& options = reach_.network->settings().http;
  source_.reset();
  // A date can only be a Retry-After's if somebody knows the time; here it does nothing but wait.
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  failed(error_of(refusal, operation_, reach_.home, Doing::push));
  if (const auto wait = http::find_retry_after(reply.headers, now)) {
    http::Options once = options;
    once.first_wait = std::min(*wait, options.longest_wait);
    pause(reach_.context, once, 1);
  }
}

}  // namespace

Pushed upload_blob(const Reach& reach, const content::BlobSource& blobs, const spec::Descriptor& blob,
                   const std::vector<std::string>& from, const Sent& sent) {
  return Upload(reach, blobs, blob, sent).run(from);
}

}  // namespace stave::registry
