// Places: opening and copying.

#include "stave/place/place.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "stave/base/error.h"
#include "stave/base/parallel.h"
#include "stave/base/text.h"
#include "stave/image/image.h"
#include "stave/place/joined.h"
#include "stave/place/remote.h"
#include "stave/spec/reference.h"

namespace stave::place {
namespace {

std::string annotation_of(const spec::Descriptor& descriptor, std::string_view key) {
  const auto found = descriptor.annotations.find(std::string(key));
  return found == descriptor.annotations.end() ? "" : found->second;
}

bool is_reference(const std::string& name) {
  try {
    static_cast<void>(spec::Reference::parse(name));
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The name an image had where it comes from. A ref.name of "latest" is a tag only (image-spec,
// annotations.md, leaves its meaning open): the file is called what the image is called.
std::string name_of(const std::vector<std::string>& names, const std::string& path) {
  for (const auto& name : names) {
    if (name == "latest" || name.empty()) continue;
    if (is_reference(name)) return stored_name(name);
  }
  if (names.empty() || path.empty()) return {};
  const std::string guess = std::filesystem::path(path).stem().string() + ":" + names.front();
  return is_reference(guess) ? guess : std::string();
}

std::string list_names(const std::vector<Offer>& offers) {
  std::vector<std::string> all;
  for (const auto& offer : offers) {
    all.push_back(offer.names.empty() ? offer.descriptor.digest.str() : printable(offer.names.back()));
  }
  constexpr std::size_t shown = 10;
  if (all.size() > shown) {
    const std::size_t more = all.size() - shown;
    all.resize(shown);
    all.push_back(fmt::format("and {} more", more));
  }
  return stave::join(all, ", ");
}

// The one image that is meant: by its name, or because there is no other.
const Offer& choose(const std::vector<Offer>& offers, const Words& words) {
  const std::string place = words.path.empty() ? "standard input" : quote(words.path);
  if (!words.reference.empty()) {
    for (const auto& offer : offers) {
      for (const auto& name : offer.names) {
        if (name == words.reference ||
            (is_reference(words.reference) && name == stored_name(words.reference)))
          return offer;
      }
      if (offer.descriptor.digest.str() == words.reference) return offer;
    }
    throw Error(Kind::not_found, fmt::format("{} holds no image {}", place, quote(words.reference)),
                offers.empty() ? "it holds none at all" : "it holds " + list_names(offers));
  }
  if (offers.empty()) throw Error(Kind::not_found, fmt::format("{} holds no image", place));
  const bool one = std::all_of(offers.begin(), offers.end(), [&](const Offer& each) {
    return each.descriptor.digest == offers.front().descriptor.digest;
  });
  if (!one) {
    throw Error(Kind::usage, fmt::format("{} holds {} images", place, offers.size()),
                (words.path.empty() ? "write it to FILE and name one of them with oci-archive:FILE:NAME: "
                                    : "name one of them behind another colon: ") +
                    list_names(offers));
  }
  return offers.front();
}

// What an index said about the name belongs to that index, not to the image.
spec::Descriptor unnamed(spec::Descriptor descriptor) {
  descriptor.annotations.erase(std::string(spec::annotation::ref_name));
  descriptor.annotations.erase(std::string(spec::annotation::containerd_name));
  return descriptor;
}

Located locate(std::shared_ptr<const content::BlobSource> blobs, const std::vector<Offer>& offers,
               const Words& words) {
  const Offer& offer = choose(offers, words);
  // Of an image that was asked for by a name of its own, that name is kept.
  std::string name = name_of(offer.names, words.path);
  if (!words.reference.empty() && is_reference(words.reference) &&
      std::count(offer.names.begin(), offer.names.end(), stored_name(words.reference)) > 0) {
    name = stored_name(words.reference);
  }
  return {std::move(blobs), unnamed(offer.descriptor), std::move(name)};
}

std::vector<Offer> offers_of(const content::Store& store) {
  std::vector<Offer> offers;
  for (const auto& descriptor : store.index().manifests) {
    Offer offer{.descriptor = descriptor, .names = {}};
    for (const auto key : {spec::annotation::containerd_name, spec::annotation::ref_name}) {
      if (auto name = annotation_of(descriptor, key); !name.empty()) offer.names.push_back(std::move(name));
    }
    offers.push_back(std::move(offer));
  }
  return offers;
}

fs::Fd open_archive_file(const std::string& path) {
  const std::filesystem::path file(path);
  std::error_code error;
  const auto real = std::filesystem::canonical(file, error);
  if (error) throw_errno(error.value(), quote(path));
  return fs::Dir::open(real.parent_path()).open_file(real.filename().string());
}

// podman calls what has no registry localhost/NAME.
std::vector<std::string> names_tried(std::string_view name) {
  const auto reference = spec::Reference::parse(name).with_default_tag();
  std::vector<std::string> names = {reference.str()};
  if (reference.registry.empty()) names.push_back("localhost/" + reference.str());
  return names;
}

// Standard input, which may be silent for as long as it likes: a stop must not wait for its next byte.
class StoppableInput final : public Source {
 public:
  StoppableInput(const Context& context, int fd) : context_(context), fd_(fd), input_(fd, "standard input") {}

  std::size_t read(MutableBytes out) override {
    constexpr int patience = 100;  // milliseconds between two looks at the stop token
    ::pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
    int ready = 0;
    do {
      context_.check();
      ready = ::poll(&poll, 1, patience);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return input_.read(out);
  }

 private:
  const Context& context_;
  int fd_;
  fs::PipeSource input_;
};

}  // namespace

std::unique_ptr<Source> open_input(const Context& context, const Grounds& grounds) {
  return std::make_unique<StoppableInput>(context, grounds.input);
}

namespace {

Located open_stored(const Words& words, const Grounds& grounds) {
  const auto store = open_store(grounds);
  const auto reference = spec::Reference::parse(words.reference);
  const auto name = find_name(*store, words.reference);
  if (name) {
    return {store, unnamed(*store->find_reference(*name)), *name};
  }
  // NAME@DIGEST, where NAME may have moved on, and a digest alone.
  const auto digest = reference.digest ? reference.digest : Digest::find(words.reference);
  if (digest) {
    for (const auto& offer : offers_of(*store)) {
      if (offer.descriptor.digest == *digest)
        return {store, unnamed(offer.descriptor), offer.names.empty() ? std::string() : offer.names.back()};
    }
  }
  std::vector<std::string> names;
  std::optional<std::string> near;
  for (const auto& offer : offers_of(*store)) {
    const std::string what = offer.names.empty() ? offer.descriptor.digest.str() : offer.names.back();
    // `images` shows the first digits of a digest; and the same name at some registry is nearer than any
    // other spelling.
    constexpr std::size_t digits = 6;
    const bool by_digest =
        reference.path.size() >= digits && offer.descriptor.digest.hex().starts_with(reference.path);
    if (by_digest || what.ends_with("/" + words.reference)) near = what;
    names.push_back(what);
  }
  if (!near) near = nearest(words.reference, names);
  std::string hint = near ? fmt::format("did you mean {}? ", printable(*near)) : "";
  const auto transport = nearest(reference.path, {"oci", "oci-archive", "docker-archive"});
  if (transport && !near) hint += fmt::format("did you mean {}:{}? ", *transport, printable(reference.tag));
  hint += near ? "`stave images` lists what is there"
               : fmt::format("`stave images` lists what is there, `stave pull {}` fetches it",
                             printable(words.reference));
  throw Error(Kind::not_found,
              fmt::format("there is no image {} in the local store (tried {})", quote(words.reference),
                          stave::join(names_tried(words.reference), " and ")),
              hint);
}

}  // namespace

std::shared_ptr<const content::Store> open_store(const Grounds& grounds, content::Store::Access access,
                                                 const Context& context) {
  if (grounds.store.empty()) {
    throw Error(Kind::usage, "there is no place for the store: neither XDG_DATA_HOME nor HOME is set",
                "say where with --store DIR or STAVE_STORE");
  }
  return std::make_shared<const content::Store>(content::Store::create(grounds.store, 0700, access, context));
}

std::optional<std::string> find_name(const content::Store& store, std::string_view name) {
  for (const auto& each : names_tried(name)) {
    if (store.find_reference(each)) return each;
  }
  return std::nullopt;
}

Place open_place(const Context& context, const Words& words, const Grounds& grounds) {
  std::shared_ptr<const Archive> archive;
  switch (words.transport) {
    case Transport::store:
      throw Error(Kind::usage, "the local store is no place to be opened as a whole");
    case Transport::layout: {
      const auto store = std::make_shared<const content::Store>(content::Store::open(words.path));
      return {.blobs = store, .offers = offers_of(*store)};
    }
    case Transport::oci_archive:
    case Transport::docker_archive:
      archive = Archive::open(context, open_archive_file(words.path), quote(words.path), grounds.spool);
      break;
    case Transport::registry:
      throw Error(Kind::usage, "a repository is no place to be opened as a whole");
    case Transport::stream:
      archive = Archive::spool(context, *open_input(context, grounds), "standard input", grounds.spool);
      break;
  }
  return {.blobs = archive, .offers = archive->offers(), .archive = archive};
}

Located open(const Context& context, const Words& words, const Grounds& grounds) {
  if (words.transport == Transport::store) return open_stored(words, grounds);
  if (words.transport == Transport::registry) return open_remote(context, words, grounds);
  auto place = open_place(context, words, grounds);
  return locate(std::move(place.blobs), place.offers, words);
}

spec::Descriptor restrict_to(const Located& image, const std::vector<spec::Platform>& platforms,
                             const content::Store& made) {
  if (platforms.empty()) return image.root;
  std::vector<spec::Descriptor> chosen;
  for (const auto& platform : platforms) {
    auto descriptor = image::select(*image.blobs, image.root, platform);
    const auto same = [&](const spec::Descriptor& each) { return each.digest == descriptor.digest; };
    if (std::none_of(chosen.begin(), chosen.end(), same)) chosen.push_back(std::move(descriptor));
  }
  if (chosen.size() == 1) return chosen.front();
  return image::put_index(made, chosen, {});
}

namespace {

void copy_blob(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& descriptor,
               const content::Store& store) {
  Task task(context, fmt::format("copying {}", descriptor.digest.short_hex()), descriptor.size);
  const auto source = content::open_verified(blobs, descriptor);
  auto writer = store.begin(descriptor.digest.algorithm());
  std::vector<std::byte> buffer(256 * 1024);
  while (const std::size_t n = source->read(buffer)) {
    context.check();
    writer.write(Bytes(buffer).first(n));
    task.advance(n);
  }
  std::move(writer).commit_as(descriptor.digest, descriptor.size);
  task.done(human_size(descriptor.size));
}

}  // namespace

void copy_blobs(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                const content::Store& store) {
  const bool remote = !repositories_of(blobs).empty();
  std::vector<spec::Descriptor> documents;  // in order, after everything that they refer to
  std::vector<spec::Descriptor> missing;
  for (const auto& node : content::reachable(blobs, root)) {
    const auto there = store.find_size(node.descriptor.digest);
    if (there == node.descriptor.size) continue;
    const bool document = spec::media::is_index(node.descriptor.media_type) ||
                          spec::media::is_manifest(node.descriptor.media_type);
    if (!node.descriptor.urls.empty() && !blobs.find_size(node.descriptor.digest)) {
      // Content that its publisher keeps for himself (image-spec descriptor.md, "urls").
      context.progress->warn(fmt::format("{} is left out: it is only at {}", node.descriptor.digest.str(),
                                         quote(node.descriptor.urls.front())));
      continue;
    }
    (document ? documents : missing).push_back(node.descriptor);
  }
  const Context width = remote ? for_network(context) : context;
  std::vector<int> slots(std::max<std::size_t>(width.jobs, 1));
  in_order<int>(width, missing.size(), slots,
                [&](std::size_t i, int&) {
                  remote ? fetch_blob(context, blobs, missing[i], store)
                         : copy_blob(context, blobs, missing[i], store);
                },
                {[](std::size_t, int&) {}});
  for (const auto& document : documents) copy_blob(context, blobs, document, store);
}

namespace {

Copied copy_to_store(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                     const content::Store& store, const std::string& name) {
  copy_blobs(context, blobs, root, store);
  spec::Descriptor named = root;
  named.annotations.merge(naming_annotations(name, false));
  Copied copied{.root = root, .name = name, .before = {}};
  if (name.empty()) {
    // A layout may hold an image without a name (image-layout.md); it must not be listed twice.
    store.edit_index([&](spec::Index& index) {
      const auto same = [&](const spec::Descriptor& each) { return each == named; };
      if (std::none_of(index.manifests.begin(), index.manifests.end(), same))
        index.manifests.push_back(named);
    });
  } else {
    copied.before = store.tag(name, named);
  }
  return copied;
}

Error file_exists(const std::string& path) {
  return {Kind::exists, fmt::format("{} exists", quote(path)), "--force replaces it; or choose another name"};
}

}  // namespace

OutputFile output_file(const std::string& path, bool force) {
  const std::filesystem::path file(path);
  OutputFile output{fs::Dir::open(file.has_parent_path() ? file.parent_path().string() : "."),
                    file.filename().string()};
  if (output.name.empty() || output.name == "." || output.name == "..")
    throw Error(Kind::usage, fmt::format("{} names no file", quote(path)));
  if (const auto there = output.directory.find(output.name)) {
    if (there->type == fs::FileType::directory)
      throw Error(Kind::exists, fmt::format("{} is a directory", quote(path)), "name a file");
    if (!force) throw file_exists(path);
  }
  return output;
}

namespace {

void copy_to_file(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
                  const std::string& path, const ArchiveWords& words, bool force, std::uint32_t mode) {
  const auto output = output_file(path, force);
  auto file = fs::TempFile::in(output.directory, mode);
  write_archive(context, blobs, root, words, file);
  try {
    std::move(file).publish(output.name,
                            force ? fs::TempFile::Existing::replace : fs::TempFile::Existing::fail);
  } catch (const Error& e) {
    if (e.kind() == Kind::exists) throw file_exists(path);
    throw;
  }
}

void check_terminal(const Copy& how, const Grounds& grounds) {
  if (!how.check_output || ::isatty(grounds.output) == 0) return;
  throw Error(Kind::usage, "an image archive is not for a terminal",
              "send it into a file or a pipe: … - | podman load");
}

}  // namespace

void check_destination(const Words& destination, const Copy& how, const Grounds& grounds) {
  std::error_code error;
  static_cast<void>(naming_annotations(destination.reference, how.for_docker));
  switch (destination.transport) {
    case Transport::store:
      break;
    case Transport::layout:
      // Of what exists only an empty directory can still become a layout.
      if (std::filesystem::exists(destination.path, error) &&
          !std::filesystem::is_empty(destination.path, error)) {
        static_cast<void>(content::Store::create(destination.path, 0755));
      }
      break;
    case Transport::oci_archive:
    case Transport::docker_archive:
      static_cast<void>(output_file(destination.path, how.force));
      break;
    case Transport::stream:
      check_terminal(how, grounds);
      break;
    case Transport::registry:
      if (const auto reference = spec::Reference::parse(destination.reference);
          reference.digest && !reference.tag.empty()) {
        throw Error(Kind::usage, fmt::format("{} has a tag and a digest", quote(destination.str())),
                    "an image is pushed to the one or the other");
      }
      break;
  }
}

namespace {

// Runs `work` on the layout at `path`, made where there is none. When it fails, what it put there goes again,
// unless it came from a registry and the next attempt is to go on with it.
template <class Work>
auto in_layout(const std::string& path, std::uint32_t mode, const Work& work,
               const content::BlobSource* from = nullptr) {
  std::optional<content::Store> store = content::Store::create(path, mode);
  try {
    return work(*store);
  } catch (...) {
    if (from != nullptr && is_worth_keeping(*from, std::current_exception())) throw;
    const auto made = store->made();
    store.reset();
    try {
      content::Store::take_back({}, path, made);
    } catch (const Error&) {
      // gc finds it later; what became of the work is the news here.
    }
    throw;
  }
}

// The directories that have to be made for `path` to be one, the topmost first.
std::vector<std::filesystem::path> missing_directories(const std::string& path) {
  std::vector<std::filesystem::path> missing;
  std::error_code error;
  for (std::filesystem::path at(path); !at.empty() && !std::filesystem::exists(at, error);
       at = at.parent_path()) {
    if (at.has_filename()) missing.insert(missing.begin(), at);
  }
  return missing;
}

// The same for a layout that belongs to this one copy: if it was made for it, it goes again, too, and so do
// the directories above it that were.
template <class Work>
auto in_new_layout(const std::string& path, const Work& work, const content::BlobSource& from) {
  constexpr std::uint32_t mode = 0755;
  if (content::Store::is_layout(path)) return in_layout(path, mode, work, &from);
  auto made = missing_directories(path);
  try {
    return in_layout(path, mode, work, &from);
  } catch (...) {
    if (is_worth_keeping(from, std::current_exception())) throw;
    try {
      std::error_code error;
      const bool gone = content::Store::take_back_layout(path);
      // What somebody put into them meanwhile keeps them.
      for (; gone && !made.empty(); made.pop_back()) std::filesystem::remove(made.back(), error);
    } catch (const Error&) {
      // An empty layout is no harm.
    }
    throw;
  }
}

}  // namespace

void in_store(const Grounds& grounds, const std::function<void(const content::Store&)>& work) {
  in_layout(grounds.store, 0700, work);
}

Copied copy(const Context& context, const content::BlobSource& blobs, const spec::Descriptor& root,
            const Words& destination, const Copy& how, const Grounds& grounds) {
  std::string name = how.name;
  if (destination.transport == Transport::store) {
    name = destination.reference.empty() ? name : destination.reference;
    if (name.empty()) {
      throw Error(Kind::usage, "the image has no name where it comes from",
                  "say how it is to be called: stave copy SRC NAME[:TAG]");
    }
    return in_layout(
        grounds.store, 0700,
        [&](const content::Store& store) {
          return copy_to_store(context, blobs, root, store, stored_name(name));
        },
        &blobs);
  }
  if (destination.transport == Transport::registry)
    return push(context, blobs, root, destination, how, grounds);
  if (!destination.reference.empty()) name = destination.reference;
  if (destination.transport == Transport::layout) {
    return in_new_layout(
        destination.path,
        [&](const content::Store& store) { return copy_to_store(context, blobs, root, store, name); }, blobs);
  }
  const ArchiveWords words{.name = name, .for_docker = how.for_docker};
  if (destination.transport == Transport::stream) {
    check_terminal(how, grounds);
    fs::PipeSink output(grounds.output, "standard output");
    write_archive(context, blobs, root, words, output);
  } else {
    copy_to_file(context, blobs, root, destination.path, words, how.force, grounds.output_mode);
  }
  return {.root = root, .name = name, .before = {}};
}

}  // namespace stave::place
