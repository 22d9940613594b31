// The registry's own words, made safe, and what can be done about them.

#include "stave/registry/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>

#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::registry {

namespace {

// An honest body of errors has some hundred bytes.
constexpr std::size_t most_body = 64 * 1024;
constexpr std::size_t most_errors = 5;

std::string read_some(http::Reply& reply) {
  std::string text(most_body, '\0');
  std::size_t size = 0;
  try {
    size = read_full(*reply.body, std::as_writable_bytes(std::span(text)));
  } catch (const Error& e) {
    // The status says enough, even when the rest of its body broke off.
    if (e.kind() == Kind::cancelled) throw;
  }
  text.resize(size);
  return text;
}

bool is_web_page(const http::Reply& reply, std::string_view text) {
  std::string type = reply.headers.find("Content-Type").value_or("");
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (type.starts_with("text/html")) return true;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && text.substr(begin).starts_with("<");
}

bool is_code(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string string_of(const json::Value& error, const char* name) {
  const json::Value* const value = json::find(error, name);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// {"errors":[{"code","message","detail"}]}; whatever is no such document is shown as it is, cut.
void read_words(std::string_view text, Refusal& refusal) {
  try {
    const json::Value document = json::parse(text, "errors");
    const json::Value* const errors = json::find(document, "errors");
    if (errors == nullptr || !errors->is_array()) return;
    std::size_t shown = 0;
    for (const json::Value& error : *errors) {
      if (shown++ == most_errors) break;
      const std::string code = string_of(error, "code");
      const std::string message = string_of(error, "message");
      if (is_code(code)) {
        if (refusal.code.empty()) refusal.code = code;
        refusal.text += (shown == 1 ? " " : "; ") + code;
      }
      if (!message.empty()) refusal.text += ": " + quote(message);
      const std::string detail = string_of(error, "detail");
      if (!detail.empty()) refusal.text += " (" + quote(detail) + ")";
    }
  } catch (const Error&) {
    // No JSON, or none that is bounded: the status speaks alone, with the beginning of what it said.
    if (!text.empty()) refusal.text += ": " + quote(text.substr(0, 200));
  }
}

struct Meaning {
  std::string_view code;
  Kind kind;
  std::string_view hint;
};

// By the registry's code, before the status is looked at.
constexpr std::array meanings = {
    Meaning{"MANIFEST_UNKNOWN", Kind::not_found, "see `stave tags` for what is there"},
    Meaning{"NAME_UNKNOWN", Kind::not_found, "check the spelling of the repository"},
    Meaning{"NAME_INVALID", Kind::invalid,
            "the registry does not take this name: many want a user or a project before it"},
    Meaning{"MANIFEST_BLOB_UNKNOWN", Kind::not_found,
            "the registry lost a blob that was pushed, or it was removed meanwhile: push again"},
    Meaning{"BLOB_UNKNOWN", Kind::not_found,
            "the image is incomplete there; if it was just pushed, push it again"},
    Meaning{"BLOB_UPLOAD_INVALID", Kind::io, "the registry lost the upload: push again"},
    Meaning{"BLOB_UPLOAD_UNKNOWN", Kind::io, "the registry lost the upload: push again"},
    Meaning{"DIGEST_INVALID", Kind::mismatch,
            "the bytes that arrived are not those that were announced: `stave fsck` tells whether the store "
            "is sound"},
    Meaning{"MANIFEST_INVALID", Kind::invalid,
            "the registry does not take this sort of manifest; `stave validate` tells whether it is sound"},
    Meaning{"SIZE_INVALID", Kind::mismatch, "push again; what arrived had another size"},
    Meaning{"TOOMANYREQUESTS", Kind::busy,
            "wait a while; a login often raises what the registry allows (stave login)"},
    Meaning{"UNSUPPORTED", Kind::unsupported, "the registry does not do that, or is configured not to"},
};

std::string right(Doing doing) {
  switch (doing) {
    case Doing::push:
      return "the right to create or to write the repository";
    case Doing::erase:
      return "the right to delete in the repository";
    case Doing::pull:
      break;
  }
  return "the right to read the repository, if it exists,";
}

Error of_status(const Refusal& refusal, const std::string& message, const Location& location) {
  const int status = refusal.status;
  if (status == 404) return Error(Kind::not_found, message, "check the spelling of the repository");
  if (status == 413) {
    return Error(Kind::limit, message,
                 "the registry, or a proxy before it, takes no request of this size: it has to be configured "
                 "there");
  }
  if (status == 405 || status == 501) {
    return Error(Kind::unsupported, message, "the registry does not do that, or is configured not to");
  }
  if (status >= 500) {
    return Error(Kind::io, message,
                 fmt::format("{} has a problem of its own; try later", printable(location.host)));
  }
  if (status >= 300 && status < 400) {
    return Error(Kind::unsupported, message, "the registry has moved: use the name it is found under now");
  }
  if (status < 300) return Error(Kind::invalid, message, "no registry answers this with that status");
  return Error(Kind::invalid, message);
}

}  // namespace

Refusal read_refusal(http::Reply& reply) {
  Refusal refusal;
  refusal.status = reply.status;
  refusal.text = std::to_string(reply.status);
  const std::string text = read_some(reply);
  refusal.web_page = is_web_page(reply, text);
  if (refusal.web_page) {
    refusal.text += ", with a web page";
  } else {
    read_words(text, refusal);
  }
  return refusal;
}

Error error_of(const Refusal& refusal, std::string_view operation, const Location& location, Doing doing) {
  const std::string message =
      fmt::format("{}: {} answered {}", operation, printable(location.host), refusal.text);
  if (refusal.code == "DENIED" || refusal.code == "UNAUTHORIZED" || refusal.status == 401 ||
      refusal.status == 403) {
    return Error(
        Kind::denied, message,
        fmt::format("needed is {} or a login: `stave login {}`", right(doing), printable(location.host)));
  }
  if (refusal.status == 429) {
    return Error(Kind::busy, message, "wait a while; a login often raises what the registry allows");
  }
  if (refusal.web_page && refusal.status < 500) {
    return Error(refusal.status == 404 ? Kind::not_found : Kind::invalid, message,
                 fmt::format("a web page is no answer of a registry: is {} one?", printable(location.host)));
  }
  for (const Meaning& meaning : meanings) {
    if (refusal.code == meaning.code) return Error(meaning.kind, message, std::string(meaning.hint));
  }
  return of_status(refusal, message, location);
}

}  // namespace stave::registry
