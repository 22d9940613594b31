// The image-spec's nouns as plain values (image-spec v1.1). parse takes the
// bytes of a document whose digest was checked, render gives the bytes that
// will be hashed. A document that was only read is never rendered again.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stave/hash/digest.h"

namespace stave::spec {

namespace media {
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_config = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view oci_layer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view oci_layer_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view oci_layer_zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view oci_empty = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_config = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view docker_layer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view docker_layer_gzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view docker_layer_zstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";

bool is_index(std::string_view media_type);     // OCI index or Docker manifest list
bool is_manifest(std::string_view media_type);  // OCI or Docker image manifest
bool is_config(std::string_view media_type);    // an image config, OCI or Docker
bool is_layer(std::string_view media_type);  // a tar layer of any compression, OCI (nondistributable too) or
                                             // Docker (foreign too)
}  // namespace media

namespace annotation {
inline constexpr std::string_view ref_name = "org.opencontainers.image.ref.name";
inline constexpr std::string_view containerd_name = "io.containerd.image.name";
}  // namespace annotation

using Annotations = std::map<std::string, std::string>;  // sorted by bytes

// Members of a document that the spec does not name, as (name, JSON text), in the order found; printed after
// the known ones.
using Extra = std::vector<std::pair<std::string, std::string>>;

// A platform (image-index.md, "Platform"): os/architecture[/variant]. Values are normalised as containerd
// does: x86_64, x86-64 -> amd64; aarch64 -> arm64; armhf -> arm/v7, armel -> arm/v6; i386 -> 386; arm without
// variant -> v7; lower case.
struct Platform {
  std::string os;
  std::string architecture;
  std::string variant;
  std::string os_version;
  std::vector<std::string> os_features;

  // "linux/arm64/v8", "linux/amd64", "arm64" (linux assumed), "linux/arm64" (variant "v8" filled in).
  // Kind::usage if it is none.
  static Platform parse(std::string_view text);
  std::string str()
      const;  // "linux/arm64/v8", always the variant when there is one; os_version in brackets is left out

  friend bool operator==(const Platform&, const Platform&) = default;
};

// Does an image for `offered` run where `wanted` was asked for? os and architecture equal after normalising;
// variants equal, or arm64's ""=="v8", or of arm, arm64 and amd64 a lower version than wanted (arm/v6 runs on
// v7, plain amd64 on v3). Only when `wanted` has them count: `os_version`, which must be equal or go on
// behind a dot ("10.0.17763" takes "10.0.17763.1234"), and features, of which `offered` may need no others.
bool runs_on(const Platform& offered, const Platform& wanted);
// Of `offered`, the index of the one that fits `wanted` best (exact variant first, then the highest lower
// one, then the first listed); nullopt if none runs.
std::optional<std::size_t> best_match(const std::vector<Platform>& offered, const Platform& wanted);

// descriptor.md
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size;
  std::vector<std::string> urls = {};
  Annotations annotations = {};
  std::optional<std::string> data = {};  // base64 as it stood
  std::string artifact_type = {};
  std::optional<Platform> platform = {};
  Extra extra = {};

  friend bool operator==(const Descriptor&, const Descriptor&) = default;
};

// manifest.md
struct Manifest {
  std::string media_type = std::string(media::oci_manifest);  // empty: the document had none
  std::string artifact_type = {};
  Descriptor config;
  std::vector<Descriptor> layers;
  std::optional<Descriptor> subject = {};
  Annotations annotations = {};
  Extra extra = {};

  static Manifest parse(std::string_view text);
  std::string render() const;  // schemaVersion, mediaType, artifactType, config, layers, subject, annotations

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

// image-index.md; also index.json of a layout
struct Index {
  std::string media_type = std::string(media::oci_index);
  std::string artifact_type = {};
  std::vector<Descriptor> manifests = {};
  std::optional<Descriptor> subject = {};
  Annotations annotations = {};
  Extra extra = {};

  static Index parse(std::string_view text);
  std::string render() const;  // manifests is [] when empty, never null

  friend bool operator==(const Index&, const Index&) = default;
};

struct History {
  std::string created;  // RFC 3339 as it stood; empty: absent
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
  Extra extra = {};
  friend bool operator==(const History&, const History&) = default;
};

// config.md. An absent member is an empty string, an empty container or nullopt.
struct Config {
  std::string created;
  std::string author;
  Platform platform;

  // The "config" object: what to run.
  std::string user;
  std::map<std::string, std::string> exposed_ports;  // name -> JSON of its value, "{}" as a rule
  std::vector<std::string> env;                      // "NAME=value", order kept
  std::optional<std::vector<std::string>> entrypoint;
  std::optional<std::vector<std::string>> cmd;
  std::map<std::string, std::string> volumes;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<bool> args_escaped;
  Extra run_extra;  // Healthcheck, OnBuild, Shell and whatever else "config" held

  std::vector<Digest> diff_ids;
  std::vector<History> history;
  Extra extra;

  static Config parse(std::string_view text);
  // Top-level members sorted by bytes, as BuildKit prints them (Docker Hub's configs are made so); "config"
  // in the field order of the image-spec's Go type (User, ExposedPorts, Env, Entrypoint, Cmd, Volumes,
  // WorkingDir, Labels, StopSignal, ArgsEscaped, then run_extra); absent ones left out, as Go's omitempty
  // does. `architecture`, `os`, `rootfs` and `config` are always printed.
  std::string render() const;

  friend bool operator==(const Config&, const Config&) = default;
};

// The chain ID of each prefix of `diff_ids` (config.md, "Layer ChainID"): chain[0] is diff_ids[0], chain[n]
// the digest of "chain[n-1] diff_ids[n]".
std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids);

// What an unparsed document is, decided by its content and the media type it came with. Refuses documents
// that are ambiguous: both `manifests` and `layers` or `config` (CVE-2021-41190), a mediaType inside or
// outside of another kind (Docker and OCI names of one kind are alike), Docker schema 1 (Kind::unsupported).
enum class DocumentKind : std::uint8_t { index, manifest };
DocumentKind classify(std::string_view text, std::string_view media_type);

}  // namespace stave::spec
