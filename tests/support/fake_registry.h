// A registry in memory, for tests: as honest as the distribution-spec, but for the
// faults that it was told to have. One fault is taken for one request that it fits.

#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/hash/digest.h"
#include "support/http_server.h"

namespace stave::test {

enum class Fault : std::uint8_t {
  drop,             // the connection is reset, before any answer
  truncate,         // half of the body, and the connection ends
  drop_upload,      // half of what is sent is taken (and kept), then the connection is reset
  wrong_bytes,      // a body of the right length with another content
  wrong_digest,     // Docker-Content-Digest of something else
  wrong_length,     // a Content-Length one too small
  unauthorized,     // 401, Basic
  forbidden,        // 403 DENIED
  absent,           // 404, with the code of the endpoint
  too_many,         // 429 with Retry-After: 0
  broken,           // 500
  no_ranges,        // 501 when a range is asked for
  ranges_ignored,   // 200 with everything when a range is asked for
  wrong_range,      // 206 with another range than was asked for
  web_page,         // 200 and HTML
  session_lost,     // 404 BLOB_UPLOAD_UNKNOWN, and it is
  chunk_refused,    // 416
  endless,          // a body that never ends, of which no length is said
  huge_error,       // 500 with a body of 1 GB
  to_file,          // Location: file:///etc/passwd
  to_other_scheme,  // Location: gopher://...
  digest_refused,   // 400 DIGEST_INVALID
};

// Which requests a fault befalls: empty strings fit all.
struct FaultyRequest {
  Fault fault = Fault::drop;
  std::string method = {};
  std::string part = {};  // of the target: "/manifests/"
  unsigned times = 1;
};

class FakeRegistry {
 public:
  // What it can do, and cannot.
  struct Abilities {
    bool patch = true;
    bool referrers = true;
    bool delete_tags = true;
    bool delete_any = true;
    bool honest_status = true;  // false: "0-0" always, as docker's registry 2.8 says
    std::uint64_t chunk_minimum = 0;
    std::size_t page = 0;               // tags on one page; 0: all
    std::chrono::milliseconds slow{0};  // before each 256 KiB of a blob
    std::string content_type = {};      // of manifests, instead of what they were pushed as
    bool content_digest = true;         // whether Docker-Content-Digest is sent
    std::function<std::string(std::string)> next_page = {};  // changes the Link
  };

  FakeRegistry() : server_([this](HttpExchange& exchange) { serve(exchange); }) {}

  Abilities abilities;  // to be set before the first request

  std::string host() const { return server_.host(); }
  HttpServer& server() { return server_; }

  void fail(FaultyRequest request) {
    const std::lock_guard lock(mutex_);
    faults_.push_back(std::move(request));
  }
  std::size_t faults_left() const {
    const std::lock_guard lock(mutex_);
    return faults_.size();
  }

  // --- What is in it, over the head of its API ---

  Digest put_blob(const std::string& repository, const std::string& bytes) {
    const Digest digest = digest_of(bytes);
    const std::lock_guard lock(mutex_);
    repositories_[repository].blobs[digest.str()] = bytes;
    return digest;
  }
  Digest put_manifest(const std::string& repository, const std::string& text, const std::string& type,
                      const std::string& tag = {}) {
    const Digest digest = digest_of(text);
    const std::lock_guard lock(mutex_);
    Repository& in = repositories_[repository];
    in.manifests[digest.str()] = {type, text};
    if (!tag.empty()) in.tags[tag] = digest.str();
    return digest;
  }
  void lie(const std::string& repository, const Digest& digest, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    repositories_[repository].blobs[digest.str()] = bytes;
  }
  bool has_blob(const std::string& repository, const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    const auto found = repositories_.find(repository);
    return found != repositories_.end() && found->second.blobs.contains(digest.str());
  }
  std::string blob(const std::string& repository, const Digest& digest) const {
    const std::lock_guard lock(mutex_);
    return repositories_.at(repository).blobs.at(digest.str());
  }
  std::string manifest(const std::string& repository, const std::string& tag) const {
    const std::lock_guard lock(mutex_);
    const Repository& in = repositories_.at(repository);
    const auto named = in.tags.find(tag);
    return in.manifests.at(named == in.tags.end() ? tag : named->second).second;
  }
  bool has_tag(const std::string& repository, const std::string& tag) const {
    const std::lock_guard lock(mutex_);
    const auto found = repositories_.find(repository);
    return found != repositories_.end() && found->second.tags.contains(tag);
  }

  std::uint64_t taken() const { return taken_; }  // bytes of blobs that came in
  std::uint64_t given() const { return given_; }  // bytes of blobs that went out

 private:
  struct Repository {
    std::map<std::string, std::string> blobs;
    std::map<std::string, std::pair<std::string, std::string>> manifests;
    std::map<std::string, std::string> tags;
  };
  struct Session {
    std::string repository;
    std::string bytes;
  };
  // "/v2/PATH/KIND/REST"
  struct Target {
    std::string repository;
    std::string kind;
    std::string rest;
  };

  static Target target_of(const std::string& path) {
    for (const char* kind : {"/manifests/", "/blobs/", "/tags/", "/referrers/"}) {
      const std::size_t at = path.rfind(kind);
      if (at == std::string::npos || !path.starts_with("/v2/")) continue;
      const std::string_view name(kind);
      return {path.substr(4, at - 4), std::string(name.substr(1, name.size() - 2)),
              path.substr(at + name.size())};
    }
    return {};
  }

  static bool needs_range(Fault fault) {
    return fault == Fault::no_ranges || fault == Fault::ranges_ignored || fault == Fault::wrong_range;
  }

  // The fault of this request, if it is to have one.
  bool take_fault(const HttpRequest& request, Fault& fault) {
    const std::lock_guard lock(mutex_);
    for (auto it = faults_.begin(); it != faults_.end(); ++it) {
      if (!it->method.empty() && it->method != request.method) continue;
      if (request.target.find(it->part) == std::string::npos) continue;
      if (needs_range(it->fault) && request.header("Range").empty()) continue;
      fault = it->fault;
      if (--it->times == 0) faults_.erase(it);
      return true;
    }
    return false;
  }

  static void error(HttpExchange& exchange, int status, std::string_view code,
                    const HttpFields& fields = {}) {
    HttpFields all = fields;
    all.emplace_back("Content-Type", "application/json");
    exchange.reply(
        status, all,
        R"({"errors":[{"code":")" + std::string(code) + R"(","message":"as told","detail":null}]})");
  }

  void serve(HttpExchange& exchange) {
    Fault fault{};
    const bool faulty = take_fault(exchange.request(), fault);
    if (faulty && fails(exchange, fault)) return;
    const Target target = target_of(exchange.request().path());
    const Fault* const given = faulty ? &fault : nullptr;
    if (target.kind == "manifests") return manifests(exchange, target, given);
    if (target.kind == "tags") return tags(exchange, target);
    if (target.kind == "referrers") return referrers(exchange, target);
    if (target.kind == "blobs" && target.rest.starts_with("uploads/"))
      return uploads(exchange, target, given);
    if (target.kind == "blobs") return blobs(exchange, target, given);
    exchange.reply(200);
  }

  // Faults that need to know nothing of what was asked.
  bool fails(HttpExchange& exchange, Fault fault) {
    switch (fault) {
      case Fault::drop:
        exchange.drop();
        return true;
      case Fault::unauthorized:
        error(exchange, 401, "UNAUTHORIZED", {{"WWW-Authenticate", "Basic realm=\"here\""}});
        return true;
      case Fault::forbidden:
        error(exchange, 403, "DENIED");
        return true;
      case Fault::too_many:
        error(exchange, 429, "TOOMANYREQUESTS", {{"Retry-After", "0"}});
        return true;
      case Fault::broken:
        error(exchange, 500, "UNKNOWN");
        return true;
      case Fault::no_ranges:
        error(exchange, 501, "UNSUPPORTED");
        return true;
      case Fault::chunk_refused:
        error(exchange, 416, "BLOB_UPLOAD_INVALID");
        return true;
      case Fault::digest_refused:
        error(exchange, 400, "DIGEST_INVALID");
        return true;
      case Fault::web_page:
        exchange.reply(200, {{"Content-Type", "text/html; charset=utf-8"}}, "<!doctype html><h1>Hello</h1>");
        return true;
      case Fault::absent: {
        const Target target = target_of(exchange.request().path());
        error(exchange, 404,
              target.kind == "manifests" ? "MANIFEST_UNKNOWN"
              : target.kind == "blobs"   ? "BLOB_UNKNOWN"
                                         : "NAME_UNKNOWN");
        return true;
      }
      case Fault::endless:
        endless(exchange, 200, std::numeric_limits<std::uint64_t>::max());
        return true;
      case Fault::huge_error:
        endless(exchange, 400, 1ull << 30);
        return true;
      case Fault::to_file:
        exchange.reply(307, {{"Location", "file:///etc/passwd"}});
        return true;
      case Fault::to_other_scheme:
        exchange.reply(307, {{"Location", "gopher://127.0.0.1/"}});
        return true;
      default:
        return false;
    }
  }

  void endless(HttpExchange& exchange, int status, std::uint64_t bytes) {
    exchange.head(status, {{"Content-Type", "application/octet-stream"}, {"Connection", "close"}});
    const std::string piece(256 * 1024, 'e');
    for (std::uint64_t sent = 0; sent < bytes && exchange.write(piece); sent += piece.size()) {
      given_ += piece.size();
    }
  }

  void manifests(HttpExchange& exchange, const Target& target, const Fault* fault) {
    const std::string& method = exchange.request().method;
    if (method == "PUT") return put(exchange, target, fault);
    if (method == "DELETE") return remove(exchange, target);
    std::string digest;
    std::pair<std::string, std::string> manifest;
    {
      const std::lock_guard lock(mutex_);
      const Repository& in = repositories_[target.repository];
      const auto tag = in.tags.find(target.rest);
      digest = tag == in.tags.end() ? target.rest : tag->second;
      const auto found = in.manifests.find(digest);
      if (found != in.manifests.end()) manifest = found->second;
    }
    if (manifest.second.empty()) return error(exchange, 404, "MANIFEST_UNKNOWN");
    HttpFields fields = {
        {"Content-Type", abilities.content_type.empty() ? manifest.first : abilities.content_type}};
    if (fault != nullptr && *fault == Fault::wrong_digest) digest = digest_of("something else").str();
    if (abilities.content_digest) fields.emplace_back("Docker-Content-Digest", digest);
    give(exchange, fields, manifest.second, fault);
  }

  void put(HttpExchange& exchange, const Target& target, const Fault* fault) {
    const std::string text = exchange.body();
    if (!exchange.body_ended()) return exchange.drop();
    std::string digest = digest_of(text).str();
    const bool by_digest = target.rest.find(':') != std::string::npos;
    if (by_digest && digest != target.rest) return error(exchange, 400, "DIGEST_INVALID");
    HttpFields fields = {{"Location", "/v2/" + target.repository + "/manifests/" + digest}};
    {
      const std::lock_guard lock(mutex_);
      Repository& in = repositories_[target.repository];
      in.manifests[digest] = {exchange.request().header("Content-Type"), text};
      if (!by_digest) in.tags[target.rest] = digest;
    }
    if (fault != nullptr && *fault == Fault::wrong_digest) digest = digest_of("something else").str();
    fields.emplace_back("Docker-Content-Digest", digest);
    const std::size_t subject = text.find("\"subject\"");
    if (abilities.referrers && subject != std::string::npos) {
      fields.emplace_back("OCI-Subject", text.substr(text.find("sha256:", subject), 71));
    }
    exchange.reply(201, fields);
  }

  void remove(HttpExchange& exchange, const Target& target) {
    const bool by_digest = target.rest.find(':') != std::string::npos;
    if (!abilities.delete_any) return error(exchange, 405, "UNSUPPORTED");
    if (!by_digest && !abilities.delete_tags) return error(exchange, 400, "DIGEST_INVALID");
    const std::lock_guard lock(mutex_);
    Repository& in = repositories_[target.repository];
    const std::size_t gone = by_digest ? in.manifests.erase(target.rest) : in.tags.erase(target.rest);
    if (gone == 0) return error(exchange, 404, "MANIFEST_UNKNOWN");
    std::erase_if(in.tags, [&](const auto& tag) { return tag.second == target.rest; });
    exchange.reply(202);
  }

  void tags(HttpExchange& exchange, const Target& target) {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex_);
      const auto found = repositories_.find(target.repository);
      if (found == repositories_.end()) return error(exchange, 404, "NAME_UNKNOWN");
      for (const auto& [tag, digest] : found->second.tags) names.push_back(tag);
    }
    const std::string last = exchange.request().query("last");
    names.erase(names.begin(), std::upper_bound(names.begin(), names.end(), last));
    HttpFields fields = {{"Content-Type", "application/json"}};
    if (abilities.page != 0 && names.size() > abilities.page) {
      names.resize(abilities.page);
      std::string next = "/v2/" + target.repository + "/tags/list?last=" + names.back();
      if (abilities.next_page) next = abilities.next_page(next);
      fields.emplace_back("Link", "<" + next + ">; rel=\"next\"");
    }
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "\"" : ",\"") + name + "\"";
    exchange.reply(200, fields, R"({"name":")" + target.repository + R"(","tags":[)" + list + "]}");
  }

  void referrers(HttpExchange& exchange, const Target& target) {
    if (!abilities.referrers) return exchange.reply(404), void();
    std::string list;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [digest, manifest] : repositories_[target.repository].manifests) {
        const std::size_t subject = manifest.second.find("\"subject\"");
        if (subject == std::string::npos || manifest.second.find(target.rest, subject) == std::string::npos)
          continue;
        list += (list.empty() ? "" : ",") +
                (R"({"mediaType":")" + manifest.first + R"(","digest":")" + digest + R"(","size":)" +
                 std::to_string(manifest.second.size()) + R"(,"artifactType":"application/x-note"})");
      }
    }
    exchange.reply(
        200, {{"Content-Type", "application/vnd.oci.image.index.v1+json"}},
        R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" + list +
            "]}");
  }

  void blobs(HttpExchange& exchange, const Target& target, const Fault* fault) {
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      const Repository& in = repositories_[target.repository];
      const auto found = in.blobs.find(target.rest);
      if (found == in.blobs.end()) return error(exchange, 404, "BLOB_UNKNOWN");
      bytes = found->second;
    }
    HttpFields fields = {{"Content-Type", "application/octet-stream"},
                         {"Docker-Content-Digest", target.rest}};
    give(exchange, fields, bytes, fault);
  }

  // A body, with ranges, and with the faults that it can have.
  void give(HttpExchange& exchange, HttpFields fields, std::string bytes, const Fault* fault) {
    const auto is = [&](Fault other) { return fault != nullptr && *fault == other; };
    int status = 200;
    std::string range = exchange.request().header("Range");
    if (is(Fault::ranges_ignored)) range.clear();
    if (range.starts_with("bytes=")) {
      const std::uint64_t first = std::strtoull(range.c_str() + 6, nullptr, 10);
      const std::string end = range.substr(range.find('-') + 1);
      const std::uint64_t total = bytes.size();
      const std::uint64_t last =
          end.empty() ? total - 1 : std::min<std::uint64_t>(total - 1, std::stoull(end));
      if (first >= total) {
        return exchange.reply(416, {{"Content-Range", "bytes */" + std::to_string(total)}}), void();
      }
      status = 206;
      const std::uint64_t said = first + (is(Fault::wrong_range) ? 1 : 0);
      fields.emplace_back("Content-Range", "bytes " + std::to_string(said) + "-" + std::to_string(last) +
                                               "/" + std::to_string(total));
      bytes = bytes.substr(first, last - first + 1);
    }
    if (is(Fault::wrong_bytes) && !bytes.empty()) bytes.back() = static_cast<char>(bytes.back() ^ 1);
    const std::uint64_t said = is(Fault::wrong_length) && !bytes.empty() ? bytes.size() - 1 : bytes.size();
    fields.emplace_back("Content-Length", std::to_string(said));
    if (!exchange.head(status, fields) || exchange.request().method == "HEAD") return;
    if (is(Fault::truncate)) bytes.resize(bytes.size() / 2);
    for (std::size_t at = 0; at < bytes.size(); at += 256 * 1024) {
      if (abilities.slow.count() != 0 && !exchange.sleep(abilities.slow)) return;
      const std::string_view piece = std::string_view(bytes).substr(at, 256 * 1024);
      given_ += piece.size();
      if (!exchange.write(piece)) return;
    }
    if (is(Fault::truncate) || is(Fault::wrong_length)) exchange.close();
  }

  void uploads(HttpExchange& exchange, const Target& target, const Fault* fault) {
    const std::string& method = exchange.request().method;
    if (method == "POST") return begin(exchange, target);
    const std::string id = target.rest.substr(8);
    const auto is = [&](Fault other) { return fault != nullptr && *fault == other; };
    std::size_t size = 0;
    {
      const std::lock_guard lock(mutex_);
      if (is(Fault::session_lost)) sessions_.erase(id);
      const auto found = sessions_.find(id);
      if (found == sessions_.end()) return error(exchange, 404, "BLOB_UPLOAD_UNKNOWN");
      size = found->second.bytes.size();
    }
    if (method == "PATCH") return patch(exchange, id, size, is(Fault::drop_upload));
    if (method == "PUT") return close(exchange, target, id, is(Fault::wrong_digest));
    if (method == "GET") return exchange.reply(204, progress(target.repository, id, size, true)), void();
    const std::lock_guard lock(mutex_);
    sessions_.erase(id);
    exchange.reply(204);
  }

  void begin(HttpExchange& exchange, const Target& target) {
    exchange.skip_body();
    const std::string mount = exchange.request().query("mount");
    std::string id;
    {
      const std::lock_guard lock(mutex_);
      const auto from = repositories_.find(exchange.request().query("from"));
      if (!mount.empty() && from != repositories_.end() && from->second.blobs.contains(mount)) {
        repositories_[target.repository].blobs[mount] = from->second.blobs.at(mount);
      } else {
        id = "session-" + std::to_string(++sessions_begun_);
        sessions_[id] = {target.repository, {}};
      }
    }
    if (id.empty()) {
      exchange.reply(201, {{"Location", "/v2/" + target.repository + "/blobs/" + mount}});
      return;
    }
    HttpFields fields = progress(target.repository, id, 0, false);
    if (abilities.chunk_minimum != 0) {
      fields.emplace_back("OCI-Chunk-Min-Length", std::to_string(abilities.chunk_minimum));
    }
    exchange.reply(202, fields);
  }

  HttpFields progress(const std::string& repository, const std::string& id, std::size_t size,
                      bool status) const {
    const std::size_t last = size == 0 || (status && !abilities.honest_status) ? 0 : size - 1;
    return {{"Location", "/v2/" + repository + "/blobs/uploads/" + id + "?state=x%2Fy"},
            {"Range", "0-" + std::to_string(last)}};
  }

  void patch(HttpExchange& exchange, const std::string& id, std::size_t size, bool drops) {
    if (!abilities.patch) return error(exchange, 405, "UNSUPPORTED");
    const std::string range = exchange.request().header("Content-Range");
    if (std::strtoull(range.c_str(), nullptr, 10) != size) return error(exchange, 416, "BLOB_UPLOAD_INVALID");
    const std::uint64_t length =
        std::strtoull(exchange.request().header("Content-Length").c_str(), nullptr, 10);
    if (length == 0) return error(exchange, 400, "SIZE_INVALID");
    const std::uint64_t most = drops ? length / 2 : length;
    std::string bytes;
    std::string piece(256 * 1024, '\0');
    while (bytes.size() < most) {
      const std::size_t n =
          exchange.read(piece.data(), std::min<std::size_t>(piece.size(), most - bytes.size()));
      if (n == 0) break;
      bytes.append(piece, 0, n);
    }
    taken_ += bytes.size();
    std::string repository;
    {
      const std::lock_guard lock(mutex_);
      Session& session = sessions_[id];
      repository = session.repository;
      session.bytes += bytes;
      size = session.bytes.size();
    }
    if (bytes.size() != length) return exchange.drop();
    if (exchange.body_ended()) exchange.reply(202, progress(repository, id, size, false));
  }

  void close(HttpExchange& exchange, const Target& target, const std::string& id, bool lies) {
    std::string rest = exchange.body();
    if (!exchange.body_ended()) return exchange.drop();
    taken_ += rest.size();
    const std::string digest = exchange.request().query("digest");
    {
      const std::lock_guard lock(mutex_);
      std::string bytes = std::move(sessions_[id].bytes) + rest;
      sessions_.erase(id);
      if (digest_of(bytes).str() != digest) return error(exchange, 400, "DIGEST_INVALID");
      repositories_[target.repository].blobs[digest] = std::move(bytes);
    }
    exchange.reply(201, {{"Location", "/v2/" + target.repository + "/blobs/" + digest},
                         {"Docker-Content-Digest", lies ? digest_of("something else").str() : digest}});
  }

  mutable std::mutex mutex_;
  std::map<std::string, Repository> repositories_;
  std::map<std::string, Session> sessions_;
  unsigned sessions_begun_ = 0;
  std::list<FaultyRequest> faults_;
  std::atomic<std::uint64_t> taken_ = 0;
  std::atomic<std::uint64_t> given_ = 0;
  HttpServer server_;  // the last member: its threads use the others
};

}  // namespace stave::test
