// Orders and answers as JSON.

#include "stave/build/step_order.h"

#include <array>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/json/json.h"

namespace stave::build {
namespace {

constexpr std::size_t most_mounts = 10'000;  // instructions have a few

// Secrets are any bytes, JSON is UTF-8.
std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += digits[byte >> 4u];
    text += digits[byte & 15u];
  }
  return text;
}

std::string from_hex(std::string_view text) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(value(text[i]) * 16 + value(text[i + 1]));
  return bytes;
}

std::string print_mount(const StepMount& mount) {
  json::Object object;
  object.number("kind", static_cast<unsigned>(mount.kind));
  object.string("source", mount.source);
  object.string("target", mount.target);
  object.boolean("read_only", mount.read_only);
  object.number("size", mount.size);
  object.string("content", to_hex(mount.content));
  object.number("mode", mount.mode);
  object.number("uid", mount.uid);
  object.number("gid", mount.gid);
  return std::move(object).finish();
}

StepMount read_mount(const json::Node& node) {
  return {.kind = static_cast<StepMount::Kind>(node.get("kind").size()),
          .source = node.get("source").string(),
          .target = node.get("target").string(),
          .read_only = node.get("read_only").boolean(),
          .size = node.get("size").size(),
          .content = from_hex(node.get("content").string()),
          .mode = static_cast<std::uint32_t>(node.get("mode").size()),
          .uid = static_cast<std::uint32_t>(node.get("uid").size()),
          .gid = static_cast<std::uint32_t>(node.get("gid").size())};
}

}  // namespace

std::string render(const ChildOrder& order) {
  json::Object object;
  object.number("parent", static_cast<std::uint64_t>(order.parent));
  object.string("id", order.id);
  object.string("directory", order.directory);
  object.text("lowers", json::print_strings(order.lowers));
  std::vector<std::string> runtimes;
  for (const auto& runtime : order.runtimes) runtimes.push_back(runtime.path);
  object.text("runtimes", json::print_strings(runtimes));
  object.boolean("in_user_namespace", order.in_user_namespace);
  object.boolean("one_id", order.one_id);
  object.text("arguments", json::print_strings(order.arguments));
  object.text("environment", json::print_strings(order.environment));
  object.string("working_directory", order.working_directory);
  object.string("user", order.user);
  object.boolean("host_network", order.host_network);
  object.boolean("insecure", order.insecure);
  std::vector<std::string> mounts;
  for (const auto& mount : order.mounts) mounts.push_back(print_mount(mount));
  object.text("mounts", json::print_array(mounts));
  object.string("hostname", order.hostname);
  object.text("hosts", json::print_strings(order.hosts));
  return std::move(object).finish();
}

ChildOrder parse_order(const std::string& text) {
  const auto value = json::parse(text, "the step's order");
  const json::Node node(value, "the step's order");
  ChildOrder order;
  order.parent = static_cast<int>(node.get("parent").integer());
  order.id = node.get("id").string();
  order.directory = node.get("directory").string();
  order.lowers = node.get("lowers").strings();
  for (const auto& path : node.get("runtimes").strings())
    order.runtimes.push_back({path.substr(path.rfind('/') + 1), path});
  order.in_user_namespace = node.get("in_user_namespace").boolean();
  order.one_id = node.get("one_id").boolean();
  order.arguments = node.get("arguments").strings();
  order.environment = node.get("environment").strings();
  order.working_directory = node.get("working_directory").string();
  order.user = node.get("user").string();
  order.host_network = node.get("host_network").boolean();
  order.insecure = node.get("insecure").boolean();
  for (const auto& mount : node.get("mounts").elements(most_mounts))
    order.mounts.push_back(read_mount(mount));
  order.hostname = node.get("hostname").string();
  order.hosts = node.get("hosts").strings();
  return order;
}

std::string render(const ChildAnswer& answer) {
  const auto text = [](const std::string& from) { return is_utf8(from) ? from : printable(from); };
  json::Object object;
  object.number("code", static_cast<unsigned>(answer.code));
  object.string("message", text(answer.message));
  object.string("hint", text(answer.hint));
  object.number("kind", static_cast<unsigned>(answer.kind));
  return std::move(object).finish();
}

ChildAnswer parse_answer(const std::string& text) {
  const auto value = json::parse(text, "the step's answer");
  const json::Node node(value, "the step's answer");
  return {.code = static_cast<int>(node.get("code").size()),
          .message = node.get("message").string(),
          .hint = node.get("hint").string(),
          .kind = static_cast<Kind>(node.get("kind").size())};
}

}  // namespace stave::build
