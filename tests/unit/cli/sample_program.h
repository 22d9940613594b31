// A small program to test the machinery with, and a way to run it that keeps
// what it prints.

#pragma once

#include <string>
#include <vector>

#include "stave/cli/command.h"

namespace stave::cli {

// Verbs: pack (many options), diff (answers no), index create/list (nested), fail (throws), version,
// __complete (hidden).
inline Command sample_program() {
  const auto say_ok = [](const Invocation& invocation) {
    invocation.print("ok\n");
    return 0;
  };
  Command pack = {
      .name = "pack",
      .summary = "make an image from files",
      .description =
          "Packs files into one layer.\n\nA second paragraph with `--add` in it, long enough to be wrapped "
          "on any "
          "terminal that people still use these days.\n\n  kept   as it is",
      .positionals = {{.name = "SRC",
                       .help = "a file or directory",
                       .least = 0,
                       .most = 0,
                       .completes = Completes::file}},
      .options =
          {{.names = "-t,--tag",
            .value = "NAME[:TAG]",
            .help = "name of the image",
            .completes = Completes::image},
           {.names = "--json", .value = {}, .help = "print JSON"},
           {.names = "-x,--extra", .value = {}, .help = "more of it"},
           {.names = "--add",
            .value = "SRC[:DEST]",
            .help = "add a file",
            .repeatable = true,
            .completes = Completes::file,
            .group = "Layers"},
           {.names = "--rm", .value = "PATH", .help = "remove a path", .repeatable = true, .group = "Layers"},
           {.names = "--codec", .value = "CODEC", .help = "compression", .choices = {"gzip", "zstd", "none"}},
           {.names = "--platform",
            .value = "OS/ARCH",
            .help = "for which machines",
            .completes = Completes::platform}},
      .examples = {{"stave pack -t hello --add hello --rm .config", "one layer"}},
      .run = say_ok};
  Command create = {
      .name = "create",
      .summary = "make an index",
      .description = {},
      .positionals =
          {{.name = "NAME", .help = "of the new index"},
           {.name = "IMAGE", .help = "what goes in", .least = 1, .most = 0, .completes = Completes::image}},
      .options = {{.names = "--annotate", .value = "KEY=VALUE", .help = "an annotation", .repeatable = true}},
      .run = say_ok};
  Command list = {.name = "list", .summary = "list an index", .description = {}, .run = say_ok};
  Command fail = {.name = "fail", .summary = "fail", .description = {}, .run = [](const Invocation&) -> int {
                    throw Error(Kind::not_found, "image \"x\" is not here", "fetch it");
                  }};
  Command diff = {
      .name = "diff", .summary = "compare", .description = {}, .run = [](const Invocation&) { return 1; }};
  Command version = {.name = "version",
                     .summary = "print the version",
                     .description = {},
                     .run = [](const Invocation& invocation) {
                       invocation.print("stave 1\n");
                       return 0;
                     }};
  Command complete = {
      .name = "__complete",
      .summary = "answer a completion script",
      .description = {},
      .positionals = {{.name = "WHAT", .help = "what is asked for"}},
      .run =
          [](const Invocation& invocation) {
            invocation.print("hello:latest\nhello:v2\nworld:latest\nquay.example/team/app:1\n");
            return 0;
          },
      .hidden = true};
  Command index = {
      .name = "index", .summary = "work on indexes", .description = {}, .subcommands = {create, list}};
  return {.name = "stave",
          .summary = "build container images",
          .description = "Builds images without a daemon.",
          .subcommands = {pack, index, diff, fail, version, complete}};
}

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs `words` as main would, in surroundings without terminal whose clock stands still; `change` may alter
// them.
inline Outcome run_with(const Command& program, const std::vector<std::string>& words,
                        const std::function<void(Surroundings&)>& change = {}) {
  Outcome outcome;
  Surroundings surroundings;
  surroundings.out = [&](std::string_view text) { outcome.out += text; };
  surroundings.err = [&](std::string_view text) { outcome.err += text; };
  surroundings.milliseconds = [] { return std::uint64_t{0}; };
  surroundings.processors = 2;
  if (change) change(surroundings);
  outcome.code = run(program, words, surroundings);
  return outcome;
}

inline Outcome run_sample(const std::vector<std::string>& words) {
  return run_with(with_builtins(sample_program()), words);
}

}  // namespace stave::cli
