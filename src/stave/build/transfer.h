// COPY and ADD on trees: which files, where to, as whose. Internal to build.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/build/cache.h"
#include "stave/build/sources.h"
#include "stave/build/words.h"
#include "stave/containerfile/patterns.h"
#include "stave/layer/disk.h"
#include "stave/layer/tree.h"

namespace stave::build {

// One source of the instruction, opened.
struct Input {
  std::shared_ptr<const Files> files;
  std::string source;           // as expanded; of a document, a fetched file or a checkout "/" or its name
  bool keeps_times = false;     // of images and tars: their times are part of what they are
  bool as_directory = false;    // a checkout or an unpacked tar: the contents of its root
  bool may_be_archive = false;  // ADD of a file of the context: an archive is unpacked
  bool is_document = false;
};

struct Manner {
  std::string destination;                 // absolute, with the '/' that it ends in
  bool into = false;                       // it is a directory, whatever is there
  std::optional<layer::Owner> owner = {};  // nullopt: as the source has it, and 0:0 for what is made
  std::optional<ModeChange> mode = {};
  bool parents = false;  // --parents
  bool link = false;     // nothing of what is there is looked at
  containerfile::Patterns excludes = {};
  layer::Timestamp made = {};               // of what has no time of its own
  std::optional<std::int64_t> newest = {};  // later times become this one
  std::string spool = "/tmp";
};

// Adds what decides about the result to the key, without looking at more than is needed: what has an identity
// is not read.
void add_to_key(const Context& context, StepKey& key, const std::vector<Input>& inputs, const Manner& manner);

// Puts everything into the tree and gives its changes, with their contents.
layer::Changeset transfer(const Context& context, layer::Tree& tree, const std::vector<Input>& inputs,
                          const Manner& manner);

// The directory and those above it that are missing, as `owner`'s.
void make_directories(layer::Tree& tree, const std::string& path, const layer::Owner& owner,
                      const layer::Timestamp& mtime);

}  // namespace stave::build
