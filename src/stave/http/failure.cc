// Failure: curl's codes sorted by what a person can do about them.

#include "stave/http/failure.h"

#include <fmt/format.h>

#include <string>

#include "stave/base/text.h"

namespace stave::http {
namespace {

constexpr const char* plain_hint = "the registry may speak plain http: --tls-verify=false allows that";

bool is_untrusted(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
         code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

bool is_local_tls(CURLcode code) {
  return code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CRL_BADFILE;
}

std::string hint_of(CURLcode code, const std::string& words, const Url& url) {
  const auto says = [&](std::string_view part) { return words.find(part) != std::string::npos; };
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "look at the spelling of the name and at the DNS of this machine";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "look at the spelling of http_proxy, https_proxy and all_proxy";
    case CURLE_COULDNT_CONNECT:
      return "is it running there, and is the port right?";
    case CURLE_SSL_CONNECT_ERROR:
      // What OpenSSL makes of an answer that is no TLS; newer versions have other words for it.
      if (says("wrong version number") || says("packet length too long") || says("unexpected message") ||
          says("http request")) {
        return plain_hint;
      }
      return says("certificate required") ? "the registry wants a certificate of yours: --cert-dir" : "";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_GOT_NOTHING:
    case CURLE_WEIRD_SERVER_REPLY:
      return url.plain() ? "what answers there is no plain http; it may want https" : "";
    default:
      return {};
  }
}

}  // namespace

Hope hope_of(const Failure& failure) {
  switch (failure.cause) {
    case Failure::Cause::stalled:
      return Hope::some;
    case Failure::Cause::large_head:
    case Failure::Cause::closed:
      return Hope::none;
    case Failure::Cause::curl:
      break;
  }
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Hope::little;
    case CURLE_OPERATION_TIMEDOUT:
      return failure.connected ? Hope::some : Hope::little;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SEND_FAIL_REWIND:
      return Hope::some;
    default:
      return Hope::none;
  }
}

Error error_of(const Failure& failure, std::string_view method, const Url& url, const Options& options) {
  const std::string what = fmt::format("{} {}", method, url.shown());
  switch (failure.cause) {
    case Failure::Cause::stalled:
      return {Kind::io,
              fmt::format("{}: not a byte came or went for {} seconds", what,
                          static_cast<double>(options.stall_timeout.count()) / 1000),
              "try again; a registry that is only slow needs a longer --timeout"};
    case Failure::Cause::large_head:
      return {Kind::limit,
              fmt::format("{}: the head of the reply is larger than {} bytes", what, Client::head_bytes)};
    case Failure::Cause::closed:
      return {Kind::io, fmt::format("{}: the connection was closed from this side", what)};
    case Failure::Cause::curl:
      break;
  }
  const std::string words = printable(failure.words);
  if (is_untrusted(failure.code)) {
    return {Kind::denied, fmt::format("{}: the certificate is not trusted: {}", what, words),
            "--cert-dir names a directory with the registry's authority; --tls-verify=false trusts anybody"};
  }
  if (is_local_tls(failure.code)) {
    return {Kind::invalid, fmt::format("{}: a certificate or key of this side: {}", what, words)};
  }
  return {Kind::io, fmt::format("{}: {}", what, words), hint_of(failure.code, failure.words, url)};
}

}  // namespace stave::http
