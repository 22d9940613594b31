// Rules: what the image-spec asks of an image, and what the clients ask beyond
// it, each with a stable code. docs/rules.md is printed from this table, and
// the checks look up here what they report: neither can say more than the other.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stave::validate {

enum class Severity : std::uint8_t { error, warning };

// Who asks for it: the specification, or a client for which images are made.
enum class Profile : std::uint8_t { spec, podman, docker, containerd };
std::string_view name(Profile profile);

// Codes are "E" (the spec says MUST, or a client fails) or "W" (SHOULD, or legal and known to go wrong) and
// three digits, which are unique without the letter and never used for anything else again:
//   0xx  JSON, descriptors, digests, media types     4xx  config
//   1xx  layout and archive                          5xx  layers
//   2xx  index                                       6xx  annotations
//   3xx  manifest                                    7xx  podman, docker, containerd
struct Rule {
  std::string_view code;
  std::string_view
      section;  // "descriptor.md#digests": file and anchor of the image-spec; for a profile, "podman"
  std::string_view asks;  // what is asked, in one clause: "the digest of a blob is that of its content"
  std::string_view hint;  // what to do, in one clause
  std::string_view
      story;  // for --explain: what goes wrong, for whom, and how it comes about; 2 to 5 sentences
  Profile profile = Profile::spec;

  constexpr Severity severity() const { return code.starts_with('E') ? Severity::error : Severity::warning; }
};

// All of them, by the digits of their codes.
const std::vector<Rule>& rules();
// "E012", "e012" or "012"; nullptr if there is none.
const Rule* find_rule(std::string_view code);

// The parts of the table, each beside its checks.
std::span<const Rule> document_rules();
std::span<const Rule> layer_rules();
std::span<const Rule> profile_rules();

}  // namespace stave::validate
