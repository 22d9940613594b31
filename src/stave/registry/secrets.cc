// Secrets.

#include "stave/registry/secrets.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::registry {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    for (std::size_t j = 0; j < 4; ++j)
      out += i + j <= bytes.size() ? alphabet[group >> (18 - 6 * j) & 63U] : '=';
  }
  return out;
}

std::optional<std::string> find_base64(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != '\r' && c != '\n') digits += c;
  }
  for (int i = 0; i < 2 && digits.ends_with('='); ++i) digits.pop_back();
  if (digits.size() % 4 == 1) return std::nullopt;
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : digits) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xffU);
  }
  return out;
}

Error without_text(const Error& error, std::string_view what) {
  // "document: line 3, column 5: ...": what is behind that may quote the text.
  std::string_view place = error.what();
  const std::size_t line = place.find("line ");
  place = line == std::string_view::npos ? "" : place.substr(line, place.find(':', line) - line);
  return Error(error.kind(), fmt::format("{}: {}{}not JSON", what, place, place.empty() ? "" : ": "));
}

std::string without_secrets(std::string_view words, const Credentials& credentials) {
  std::string text(words);
  for (const auto& secret : {base64(credentials.user + ":" + credentials.password), credentials.password,
                             credentials.identity_token}) {
    if (secret.empty()) continue;
    for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 3)
      text.replace(at, secret.size(), "***");
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  constexpr std::size_t most = 400;
  if (text.size() > most) text.resize(most);
  return printable(text);
}

}  // namespace stave::registry
