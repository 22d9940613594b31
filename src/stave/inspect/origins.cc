// Origins: trees before and after each layer, compared by their nodes. So what a
// whiteout, an opaque directory or a path through a symlink means is decided in
// one place, layer::Tree, and here only read off.

#include "stave/inspect/origins.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::inspect {
namespace {

using Inode = layer::Tree::Inode;

// What became of a path that a layer put; nullopt if that is nothing to tell.
std::optional<Event> event_of(std::size_t layer, const Inode* was, const Inode* is) {
  if (was == nullptr) return Event{.layer = layer, .what = Event::What::added, .aspects = {}};
  if (is == nullptr) return Event{.layer = layer, .what = Event::What::removed, .aspects = {}};
  Event event{.layer = layer, .what = Event::What::changed, .aspects = compare_metadata(was->meta, is->meta)};
  const bool files = was->meta.type == layer::Type::regular && is->meta.type == layer::Type::regular;
  const bool empty = was->meta.size == 0 && is->meta.size == 0;
  if (files && !empty && (!was->digest || was->digest != is->digest))
    event.aspects.add(layer::Aspect::content);
  if (!event.aspects.empty()) return event;
  if (!files) return std::nullopt;
  event.what = Event::What::again;
  return event;
}

// The nearest directory above `path` that is there.
std::string nearest_parent(const layer::Tree& tree, std::string_view path) {
  std::string_view above = layer::parent(path);
  while (!above.empty() && tree.find(above) == nullptr) above = layer::parent(above);
  return std::string(above);
}

std::size_t components(std::string_view path) {
  return path.empty() ? 0 : static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')) + 1;
}

}  // namespace

Layered Layered::read(const Context& context, const layer::Stack& stack, layer::Digests digests) {
  std::vector<layer::Tree> after;
  layer::Stack so_far;
  for (const auto& piece : stack.pieces) {
    so_far.pieces.push_back(piece);
    layer::Tree below = after.empty() ? layer::Tree() : after.back();
    after.push_back(layer::read_stack(context, so_far, digests, std::move(below), so_far.pieces.size() - 1));
  }
  return Layered(std::move(after));
}

std::string Layered::get(std::string_view path, layer::Tree::Follow follow) const {
  std::string at = tree().resolve(path, follow);
  if (tree().find(at) != nullptr) return at;
  std::string message = fmt::format("{} does not exist", quote("/" + at));
  if (const auto clean = layer::clean(path); !clean || *clean != at)
    message += fmt::format(" ({} leads there)", quote(path));
  const std::string parent = nearest_parent(tree(), at);
  message += fmt::format("; {} does", quote("/" + parent));
  for (std::size_t layer = size(); layer-- > 0;) {
    if (before(layer).find(at) == nullptr) continue;
    message += fmt::format("; layer {} removed it", layer + 1);
    break;
  }
  throw Error(Kind::not_found, message);
}

std::string_view name(Event::What what) {
  switch (what) {
    case Event::What::added:
      return "added";
    case Event::What::changed:
      return "changed";
    case Event::What::again:
      return "again";
    default:
      return "removed";
  }
}

Origins::Origins(const Layered& layered) : layered_(layered) {
  for (std::size_t layer = 0; layer < layered.size(); ++layer) {
    layered.after(layer).visit_changes(layered.before(layer),
                                       [&](const std::string& path, const Inode* was, const Inode* is) {
                                         if (const auto event = event_of(layer, was, is))
                                           events_[path].push_back(*event);
                                       });
  }
}

const std::vector<Event>& Origins::of(const std::string& path) const {
  static const std::vector<Event> nothing;
  const auto found = events_.find(path);
  return found == events_.end() ? nothing : found->second;
}

std::vector<Origins::Gone> Origins::gone_below(std::string_view directory, std::size_t levels) const {
  std::vector<Gone> gone;
  const std::size_t depth = components(directory);
  for (auto at = events_.upper_bound(directory);
       at != events_.end() && layer::is_within(at->first, directory); ++at) {
    const auto& [path, events] = *at;
    if (events.back().what != Event::What::removed || components(path) - depth > levels) continue;
    gone.push_back({path, layered_.before(events.back().layer).find(path)->meta});
  }
  return gone;
}

}  // namespace stave::inspect
