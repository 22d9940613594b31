// What the layers below hold, against a model that is a list of paths.

#include "stave/validate/below.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace stave::validate {
namespace {

using tar::Type;

struct Listed {
  std::string path;
  Type type;
};

bool is_inside(const std::string& path, const std::string& directory) {
  return directory.empty() ? !path.empty() : path.starts_with(directory + "/");
}

// The same as Below, slowly.
class Model {
 public:
  void put(const std::string& path, Type type) {
    if (type != Type::directory) remove_inside(path);
    for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (!find(path.substr(0, slash))) all_.push_back({path.substr(0, slash), Type::directory});
    }
    std::erase_if(all_, [&](const Listed& each) { return each.path == path; });
    all_.push_back({path, type});
  }
  void remove_inside(const std::string& path) {
    std::erase_if(all_, [&](const Listed& each) { return is_inside(each.path, path); });
  }
  void remove(const std::string& path) {
    remove_inside(path);
    std::erase_if(all_, [&](const Listed& each) { return each.path == path; });
  }
  std::optional<Type> find(const std::string& path) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const Listed& each) { return each.path == path; });
    return found == all_.end() ? std::nullopt : std::optional(found->type);
  }

 private:
  std::vector<Listed> all_;
};

// Few names, with bytes before and after '/', so that paths meet.
rc::Gen<std::string> paths() {
  return rc::gen::map(rc::gen::resize(3, rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(
                                             rc::gen::element<std::string>("a", "a-b", "b", "a0")))),
                      [](const std::vector<std::string>& parts) {
                        std::string path = parts.front();
                        for (std::size_t i = 1; i < parts.size(); ++i) path += "/" + parts[i];
                        return path;
                      });
}

RC_GTEST_PROP(Below, HoldsWhatTheLayersPutAndDidNotRemove, ()) {
  Below below;
  Model model;
  const int steps = *rc::gen::inRange(1, 30);
  for (int i = 0; i < steps; ++i) {
    const auto path = *paths();
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        below.remove(path);
        model.remove(path);
        break;
      case 1:
        below.remove_inside(path);
        model.remove_inside(path);
        break;
      default:
        const auto type = *rc::gen::element(Type::regular, Type::directory, Type::symlink);
        below.put(path, type);
        model.put(path, type);
    }
    const auto asked = *paths();
    RC_ASSERT(below.find(asked) == model.find(asked));
  }
}

TEST(Below, KnowsTheSymlinkAboveAPath) {
  Below below;
  below.put("usr/bin/sh", Type::regular);
  below.put("bin", Type::symlink);
  EXPECT_EQ(below.symlink_above("bin/sh"), "bin");
  EXPECT_EQ(below.symlink_above("usr/bin/sh"), std::nullopt);
  EXPECT_EQ(below.symlink_above("bin"), std::nullopt);
}

TEST(Below, HasARootThatIsADirectory) {
  EXPECT_EQ(Below().find(""), Type::directory);
  Below below;
  below.put("a", Type::regular);
  below.remove_inside("");
  EXPECT_EQ(below.find("a"), std::nullopt);
}

}  // namespace
}  // namespace stave::validate
