// Operands that hold files.

#include "stave/cli/operand.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/compress/compress.h"
#include "stave/fs/fs.h"

namespace stave::cli {
namespace {

bool is_written_as_path(std::string_view text) {
  return text.starts_with('/') || text.starts_with("./") || text.starts_with("../") || text == "." ||
         text == "..";
}

Operand path_operand(std::string_view text, const std::filesystem::file_status& status) {
  Operand operand{.text = std::string(text), .path = std::string(text)};
  if (status.type() == std::filesystem::file_type::directory) {
    operand.is = Operand::Is::directory;
  } else if (status.type() == std::filesystem::file_type::regular) {
    operand.is = Operand::Is::tar;
  } else {
    throw Error(Kind::invalid, fmt::format("{} is neither a directory nor a file", quote(text)));
  }
  return operand;
}

// Takes "~N" off the end of an image's name; no reference can hold a tilde.
std::size_t take_layers_off(std::string_view& text) {
  const std::size_t tilde = text.rfind('~');
  if (tilde == std::string_view::npos || tilde == 0) return 0;
  const auto count = parse_number(text.substr(tilde + 1));
  if (!count) return 0;
  text = text.substr(0, tilde);
  return static_cast<std::size_t>(*count);
}

// Standard input can be read once, an operand has to be read twice.
std::shared_ptr<const fs::Fd> spool_input(const Invocation& invocation, const place::Grounds& grounds) {
  const auto input = place::open_input(invocation.context, grounds);
  auto file = fs::TempFile::anonymous(grounds.spool);
  CappedSource capped(*input, limits::archive_bytes, "standard input");
  copy(capped, file);
  return std::make_shared<const fs::Fd>(std::move(file).release());
}

bool is_image_archive(const Invocation& invocation, const fs::Fd& file, const place::Grounds& grounds) {
  fs::Fd own(::dup(file.get()));
  if (!own) throw_errno(errno, "standard input");
  try {
    return !place::Archive::open(invocation.context, std::move(own), "standard input", grounds.spool)
                ->offers()
                .empty();
  } catch (const Error& e) {
    // A tar of more members than an image archive may have is one of files.
    if (e.kind() == Kind::invalid || e.kind() == Kind::limit) return false;
    throw;
  }
}

layer::Stack stack_of_file(const std::shared_ptr<const fs::Fd>& file, const std::string& name) {
  const std::uint64_t size = fs::stat(*file).size;
  return {{layer::piece_of_tar(
      name, size, [file, size, name] { return std::make_unique<fs::FileSource>(file, 0, size, name); })}};
}

Layers open_image(const Invocation& invocation, const Operand& operand,
                  const std::optional<spec::Platform>& platform, const place::Grounds& grounds) {
  auto located = place::spooled(place::open(invocation.context, operand.words, grounds), grounds);
  const bool single = !platform && !spec::media::is_index(located.root.media_type);
  const auto descriptor =
      single ? located.root : image::select(*located.blobs, located.root, platform.value_or(this_platform()));
  auto image = image::without_last(image::load(*located.blobs, descriptor), operand.layers_off);
  Layers layers{.blobs = located.blobs,
                .image = {},
                .descriptor = {},
                .name = operand.text,
                .stack = image::stack_of(*located.blobs, image)};
  if (operand.layers_off == 0) layers.descriptor = descriptor;
  layers.image = std::move(image);
  return layers;
}

// Somebody who names an image archive as a file means the image in it. Only a plain one is looked into: to
// look into a compressed one costs as much as reading it.
void refuse_archive(const Invocation& invocation, const fs::Fd& file, const std::string& text,
                    const place::Grounds& grounds) {
  std::array<std::byte, 6> first{};
  const auto size = std::min<std::uint64_t>(first.size(), fs::stat(file).size);
  const auto beginning = MutableBytes(first).first(static_cast<std::size_t>(size));
  fs::read_at(file, 0, beginning, text);
  if (compress::sniff(beginning) != compress::Format::none) return;
  if (!is_image_archive(invocation, file, grounds)) return;
  throw Error(
      Kind::usage, fmt::format("{} is an image archive, not the tar of a tree", quote(text)),
      fmt::format("write oci-archive:{0} or docker-archive:{0} for the image in it", printable(text)));
}

Layers open_tar(const std::shared_ptr<const fs::Fd>& file, const std::string& name) {
  return {.blobs = {}, .image = {}, .descriptor = {}, .name = name, .stack = stack_of_file(file, name)};
}

}  // namespace

Operand Operand::parse(std::string_view text) {
  if (text.empty()) throw Error(Kind::usage, "an operand is empty");
  std::error_code error;
  const auto status = std::filesystem::status(std::string(text), error);
  if (text != "-" && std::filesystem::exists(status)) return path_operand(text, status);
  if (is_written_as_path(text)) throw_errno(error ? error.value() : ENOENT, quote(text));
  Operand operand{.text = std::string(text)};
  operand.layers_off = take_layers_off(text);
  operand.words = place::Words::parse(text);
  return operand;
}

Layers open_layers(const Invocation& invocation, const Operand& operand, const place::Grounds& grounds) {
  const auto platforms = platforms_of(invocation.arguments);
  if (platforms.size() > 1) throw Error(Kind::usage, "--platform: one at a time");
  return open_layers(invocation, operand, platforms.empty() ? std::nullopt : std::optional(platforms.front()),
                     grounds);
}

Layers open_layers(const Invocation& invocation, const Operand& operand,
                   const std::optional<spec::Platform>& platform, const place::Grounds& grounds) {
  if (operand.is == Operand::Is::directory)
    throw Error(Kind::usage, fmt::format("{} is a directory, which has no layers", quote(operand.text)));
  if (operand.is == Operand::Is::tar) {
    const auto real = std::filesystem::canonical(operand.path);
    const auto file = std::make_shared<const fs::Fd>(
        fs::Dir::open(real.parent_path().string()).open_file(real.filename().string()));
    refuse_archive(invocation, *file, operand.text, grounds);
    return open_tar(file, quote(operand.text));
  }
  if (operand.words.transport != place::Transport::stream)
    return open_image(invocation, operand, platform, grounds);
  const auto input = spool_input(invocation, grounds);
  if (!is_image_archive(invocation, *input, grounds)) return open_tar(input, "standard input");
  if (::lseek(input->get(), 0, SEEK_SET) != 0) throw_errno(errno, "standard input");
  place::Grounds again = grounds;
  again.input = input->get();
  return open_image(invocation, operand, platform, again);
}

}  // namespace stave::cli
