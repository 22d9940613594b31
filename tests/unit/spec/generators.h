// Random documents for properties: every member there or not, strings with
// what JSON escapes in them, extras beside the known members.

#pragma once

#include <rapidcheck.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stave/spec/spec.h"

namespace stave::testing {

inline rc::Gen<std::string> word() {
  return rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange<char>('a', 'z' + 1)));
}

// Valid UTF-8 that needs escaping now and then; may be empty.
inline rc::Gen<std::string> text() {
  const auto piece = rc::gen::element<std::string>("a", "B", "7", " ", "/", "\"", "\\", "<", ">", "&", "\n",
                                                   "\x01", "\x7f", "é", "\u2028", "😀");
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [](const std::vector<std::string>& pieces) {
                        std::string out;
                        for (const auto& each : pieces) out += each;
                        return out;
                      });
}

inline rc::Gen<std::vector<std::string>> texts() {
  return rc::gen::container<std::vector<std::string>>(text());
}
inline rc::Gen<std::map<std::string, std::string>> text_map() {
  return rc::gen::container<std::map<std::string, std::string>>(text(), text());
}

inline rc::Gen<Digest> digest() {
  return rc::gen::map(text(), [](const std::string& t) {
    return digest_of(as_bytes(t), t.size() % 2 ? Algorithm::sha512 : Algorithm::sha256);
  });
}

inline rc::Gen<std::string> media_type() {
  return rc::gen::map(rc::gen::pair(word(), word()), [](const auto& parts) {
    return parts.first.substr(0, 127) + '/' + parts.second.substr(0, 127) +
           (parts.second.size() < 100 ? "+json" : "");
  });
}

// Members that no spec names, sorted as Config::render sorts them; values as json::print prints them.
inline rc::Gen<spec::Extra> extra() {
  const auto value =
      rc::gen::element<std::string>("null", "1", "\"\\u003c\"", "[]", R"({"Test":["CMD"],"Interval":1})");
  return rc::gen::map(rc::gen::container<std::map<std::string, std::string>>(word(), value),
                      [](const auto& members) {
                        spec::Extra out;
                        for (const auto& [name, json] : members) out.emplace_back("x-" + name, json);
                        return out;
                      });
}

// Empty half of the time.
template <class T>
T maybe(const rc::Gen<T>& gen) {
  return *rc::gen::arbitrary<bool>() ? *gen : T{};
}

template <class T>
std::optional<T> optional(const rc::Gen<T>& gen) {
  if (!*rc::gen::arbitrary<bool>()) return std::nullopt;
  return *gen;
}

inline rc::Gen<spec::Platform> platform() {
  return rc::gen::exec([] {
    return spec::Platform{.os = *text(),
                          .architecture = *text(),
                          .variant = maybe(text()),
                          .os_version = maybe(text()),
                          .os_features = maybe(texts())};
  });
}

inline rc::Gen<spec::Descriptor> descriptor() {
  return rc::gen::exec([] {
    const bool with_data = *rc::gen::arbitrary<bool>();
    const auto size = *rc::gen::arbitrary<std::uint64_t>() >> 1;
    return spec::Descriptor{.media_type = *media_type(),
                            .digest = *digest(),
                            .size = with_data ? 3 : size,
                            .urls = *rc::gen::arbitrary<bool>()
                                        ? std::vector<std::string>{"https://example.com/?a=%3c&b"}
                                        : std::vector<std::string>{},
                            .annotations = maybe(text_map()),
                            .data = with_data ? std::optional<std::string>("YWJj") : std::nullopt,
                            .artifact_type = maybe(media_type()),
                            .platform = optional(platform()),
                            .extra = maybe(extra())};
  });
}

inline rc::Gen<std::vector<spec::Descriptor>> descriptors() {
  return rc::gen::resize(6, rc::gen::container<std::vector<spec::Descriptor>>(descriptor()));
}

inline rc::Gen<spec::Manifest> manifest() {
  return rc::gen::exec([] {
    return spec::Manifest{
        .media_type = *rc::gen::element<std::string>("", std::string(spec::media::oci_manifest),
                                                     std::string(spec::media::docker_manifest)),
        .artifact_type = maybe(media_type()),
        .config = *descriptor(),
        .layers = *descriptors(),
        .subject = optional(descriptor()),
        .annotations = maybe(text_map()),
        .extra = maybe(extra())};
  });
}

inline rc::Gen<spec::Index> index() {
  return rc::gen::exec([] {
    return spec::Index{.media_type = *rc::gen::element<std::string>("", std::string(spec::media::oci_index),
                                                                    std::string(spec::media::docker_list)),
                       .artifact_type = maybe(media_type()),
                       .manifests = *descriptors(),
                       .subject = optional(descriptor()),
                       .annotations = maybe(text_map()),
                       .extra = maybe(extra())};
  });
}

inline rc::Gen<spec::History> history() {
  return rc::gen::exec([] {
    return spec::History{.created = maybe(text()),
                         .created_by = maybe(text()),
                         .author = maybe(text()),
                         .comment = maybe(text()),
                         .empty_layer = *rc::gen::arbitrary<bool>(),
                         .extra = maybe(extra())};
  });
}

inline rc::Gen<spec::Config> config() {
  return rc::gen::exec([] {
    const auto object_map = rc::gen::container<std::map<std::string, std::string>>(
        text(), rc::gen::element<std::string>("{}", R"({"a":1})"));
    spec::Config config;
    config.created = maybe(text());
    config.author = maybe(text());
    config.platform = *platform();
    config.user = maybe(text());
    config.exposed_ports = maybe(object_map);
    config.env = maybe(texts());
    config.entrypoint = optional(texts());
    config.cmd = optional(texts());
    config.volumes = maybe(object_map);
    config.working_dir = maybe(text());
    config.labels = maybe(text_map());
    config.stop_signal = maybe(text());
    config.args_escaped = optional(rc::gen::arbitrary<bool>());
    config.run_extra = maybe(extra());
    config.diff_ids = *rc::gen::container<std::vector<Digest>>(digest());
    config.history = *rc::gen::resize(6, rc::gen::container<std::vector<spec::History>>(history()));
    config.extra = maybe(extra());
    return config;
  });
}

}  // namespace stave::testing
