// The words of `stave build`.

#include "stave/cli/build_words.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/fs/fs.h"

namespace stave::cli {
namespace {

// What a secret may hold: keys and tokens are small, and it is kept in memory.
constexpr std::uint64_t secret_bytes = 500 * limits::kib;

std::string read_secret(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const auto file = std::make_shared<const fs::Fd>(
      fs::Dir::open(directory).open_file(slash == path.npos ? path : path.substr(slash + 1)));
  fs::FileSource source(file, 0, fs::stat(*file).size, path);
  return read_all(source, secret_bytes, "the secret " + quote(path));
}

// "key=value,key=value"; quoting is not needed for what stands there.
std::map<std::string, std::string> fields_of(std::string_view text, std::string_view option) {
  std::map<std::string, std::string> fields;
  for (const auto& field : split(text, ',')) {
    const std::size_t equals = field.find('=');
    if (equals == field.npos || equals == 0)
      throw Error(Kind::usage, fmt::format("{}: {} is no NAME=VALUE", option, quote(field)));
    fields[field.substr(0, equals)] = field.substr(equals + 1);
  }
  return fields;
}

std::string take(std::map<std::string, std::string>& fields, std::initializer_list<const char*> names) {
  std::string value;
  for (const char* name : names) {
    if (auto node = fields.extract(name)) value = node.mapped();
  }
  return value;
}

std::uint64_t seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    default:
      return 0;
  }
}

}  // namespace

std::pair<std::string, build::Secret> parse_secret(std::string_view text, const Surroundings& surroundings) {
  auto fields = fields_of(text, "--secret");
  const std::string id = take(fields, {"id"});
  std::string file = take(fields, {"source", "src"});
  std::string variable = take(fields, {"env"});
  const std::string type = take(fields, {"type"});
  if (!fields.empty())
    throw Error(Kind::usage, fmt::format("--secret: unknown field {}", quote(fields.begin()->first)),
                "it takes id=ID,src=FILE or id=ID,env=NAME");
  if (id.empty()) throw Error(Kind::usage, "--secret: no id is said", "write id=ID,src=FILE");
  if (!type.empty() && type != "file" && type != "env")
    throw Error(Kind::usage, fmt::format("--secret: the type {} does not exist", quote(type)),
                "there are file and env");
  if (!file.empty() && !variable.empty())
    throw Error(Kind::usage, "--secret: both a file and a variable are named", "say src= or env=");
  if (type == "env" && variable.empty()) variable = file.empty() ? id : std::exchange(file, "");
  if (file.empty() && variable.empty()) {
    if (type != "file" && surroundings.env(id)) {
      variable = id;
    } else {
      file = id;
    }
  }
  if (variable.empty()) return {id, {.read = [file] { return read_secret(file); }}};
  const auto value = surroundings.env(variable);
  if (!value) throw Error(Kind::usage, fmt::format("--secret: the variable {} is not set", quote(variable)));
  return {id, {.read = [value = *value] { return value; }}};
}

std::pair<std::string, std::string> parse_ssh(std::string_view text, const Surroundings& surroundings) {
  const std::size_t equals = text.find('=');
  const std::string id(text.substr(0, equals));
  if (equals != text.npos) {
    const std::string path(text.substr(equals + 1));
    if (path.find(',') != path.npos || path.empty())
      throw Error(Kind::unsupported, fmt::format("--ssh: {} is not one socket", quote(path)),
                  "start an agent (ssh-agent) with the keys, and name its socket");
    return {id, path};
  }
  const auto agent = surroundings.env("SSH_AUTH_SOCK");
  if (!agent)
    throw Error(Kind::usage, "--ssh: SSH_AUTH_SOCK is not set", "start ssh-agent, or write ID=SOCKET");
  return {id.empty() ? "default" : id, *agent};
}

std::optional<std::pair<std::string, std::string>> parse_build_arg(std::string_view text,
                                                                   const Surroundings& surroundings) {
  const std::size_t equals = text.find('=');
  std::string name(text.substr(0, equals));
  if (name.empty()) throw Error(Kind::usage, fmt::format("--build-arg: {} has no name", quote(text)));
  if (equals != text.npos) return std::pair(std::move(name), std::string(text.substr(equals + 1)));
  const auto value = surroundings.environment.find(name);
  if (value == surroundings.environment.end()) return std::nullopt;
  return std::pair(std::move(name), value->second);
}

std::uint64_t parse_duration(std::string_view text, std::string_view option) {
  constexpr std::uint64_t most = 366ull * 24 * 3600;
  std::uint64_t total = 0;
  std::string_view rest = text;
  bool sound = !text.empty();
  while (sound && !rest.empty()) {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto number = parse_number(rest.substr(0, digits));
    const bool plain = digits == rest.size() && digits == text.size();
    const std::uint64_t unit = plain ? 1 : digits < rest.size() ? seconds_of(rest[digits]) : 0;
    sound = number && unit != 0 && *number <= most / unit && total + *number * unit <= most;
    if (sound) total += *number * unit;
    rest = plain || !sound ? std::string_view() : rest.substr(digits + 1);
  }
  if (!sound || total == 0)
    throw Error(Kind::usage, fmt::format("{}: {} is no time", option, quote(text)), "write 30s, 5m, 1h30m");
  return total;
}

std::string parse_host(std::string_view text) {
  std::size_t split = text.find('=');
  if (split == text.npos) split = text.find(':');
  const std::string name(text.substr(0, split));
  std::string address(split == text.npos ? "" : text.substr(split + 1));
  if (address.size() > 1 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  const auto harmless = [](const std::string& part, std::string_view more) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
             more.find(c) != more.npos;
    });
  };
  if (!harmless(name, "-._") || !harmless(address, ".:"))
    throw Error(Kind::usage, fmt::format("--add-host: {} is no HOST:ADDRESS", quote(text)));
  return address + "\t" + name;
}

std::pair<std::string, std::string> parse_pair(std::string_view text, std::string_view option) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || text.empty())
    throw Error(Kind::usage, fmt::format("{}: {} has no name", option, quote(text)), "write NAME=VALUE");
  return {std::string(text.substr(0, equals)),
          std::string(equals == text.npos ? std::string_view() : text.substr(equals + 1))};
}

std::vector<std::string> environment_of_git(const Surroundings& surroundings) {
  std::vector<std::string> words;
  for (const char* name :
       {"SSH_AUTH_SOCK", "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"}) {
    if (const auto value = surroundings.env(name)) words.push_back(std::string(name) + "=" + *value);
  }
  return words;
}

build::Options options_of(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto& surroundings = invocation.surroundings;
  build::Options options;
  options.build_platform = this_platform();
  options.target = arguments.get("--target").value_or("");
  for (const auto& text : arguments.all("--build-arg")) {
    if (auto pair = parse_build_arg(text, surroundings)) options.build_args[pair->first] = pair->second;
  }
  for (const auto& text : arguments.all("--secret")) options.secrets.insert(parse_secret(text, surroundings));
  for (const auto& text : arguments.all("--ssh")) options.ssh.insert(parse_ssh(text, surroundings));
  for (const auto& text : arguments.all("--label"))
    options.labels.insert_or_assign(parse_pair(text, "--label").first, parse_pair(text, "--label").second);
  for (const auto& text : arguments.all("--annotation")) {
    auto [name, value] = parse_pair(text, "--annotation");
    options.annotations[name] = value;
  }
  for (const auto& text : arguments.all("--add-host")) options.hosts.push_back(parse_host(text));
  for (const auto& text : arguments.all("--no-cache")) {
    if (text.empty()) options.no_cache = true;
    for (const auto& stage : split(text, ',')) {
      if (!stage.empty()) options.no_cache_stages.insert(stage);
    }
  }
  options.squash = arguments.has("--squash");
  options.explain = arguments.has("--explain");
  options.network = arguments.get("--network").value_or("");
  if (const auto timeout = arguments.get("--step-timeout"))
    options.step_timeout = parse_duration(*timeout, "--step-timeout");
  for (const auto& allowed : arguments.all("--allow")) options.insecure |= allowed == "security.insecure";
  options.epoch = source_date_epoch(surroundings);
  if (const auto given = options.build_args.find("SOURCE_DATE_EPOCH"); given != options.build_args.end()) {
    const auto seconds = parse_number(given->second);
    if (!seconds)
      throw Error(Kind::usage, fmt::format("--build-arg SOURCE_DATE_EPOCH: {} is no number of seconds",
                                           quote(given->second)));
    options.epoch = static_cast<std::int64_t>(*seconds);
  }
  if (const auto given = arguments.get("--timestamp")) options.epoch = parse_time(*given, "--timestamp");
  options.codec = compress::Codec::parse(arguments.get("--compression").value_or("gzip"));
  options.search_path = surroundings.env("PATH").value_or("");
  options.environment = environment_of_git(surroundings);
  return options;
}

std::vector<Option> build_options() {
  return {
      {.names = "-t,--tag",
       .value = "NAME[:TAG]",
       .help = "name the image in the store",
       .repeatable = true,
       .completes = Completes::image},
      {.names = "-f,--file",
       .value = "FILE",
       .help = "the Containerfile; - is standard input",
       .completes = Completes::file},
      {.names = "-o,--output",
       .value = "DEST",
       .help = "write the image somewhere: oci:DIR, oci-archive:FILE, docker://NAME, -",
       .completes = Completes::image},
      {.names = "--platform",
       .value = "OS/ARCH[,…]",
       .help = "what to build for; several make an index",
       .repeatable = true,
       .completes = Completes::platform},
      {.names = "--target", .value = "STAGE", .help = "the stage to build, instead of the last one"},
      {.names = "--build-arg",
       .value = "NAME[=VALUE]",
       .help = "set an ARG; without a value, from the environment",
       .repeatable = true},
      {.names = "--build-context",
       .value = "NAME=PLACE",
       .help = "a directory, tar, git URL or image (docker-image://, oci-layout://) for FROM and --from",
       .repeatable = true},
      {.names = "--ignorefile",
       .value = "FILE",
       .help = "patterns of what the context leaves out",
       .completes = Completes::file},
      {.names = "--label", .value = "NAME=VALUE", .help = "add a label", .repeatable = true},
      {.names = "--annotation",
       .value = "NAME=VALUE",
       .help = "add an annotation to the manifest",
       .repeatable = true},
      {.names = "--squash", .value = "", .help = "make one layer of those that the target adds to its base"},
      {.names = "--timestamp",
       .value = "TIME",
       .help = "newest time in the image, and when it was made; instead of SOURCE_DATE_EPOCH"},
      {.names = "--compression", .value = "CODEC", .help = "gzip[:LEVEL], zstd[:LEVEL] or none"},
      {.names = "--pull",
       .value = "always|missing|never",
       .help = "ask the registry for base images",
       .choices = {"always", "missing", "never"}},
      {.names = "--force", .value = "", .help = "let -o replace an existing file"},
      {.names = "--iidfile",
       .value = "FILE",
       .help = "write the image's ID there",
       .completes = Completes::file},
      {.names = "--metadata-file",
       .value = "FILE",
       .help = "write digests and names there, as JSON",
       .completes = Completes::file},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "--check",
       .value = "",
       .help = "build nothing: say what BuildKit's lint rules find; exit 1 if anything"},
      {.names = "--secret",
       .value = "id=ID[,src=FILE|,env=NAME]",
       .help = "a secret for RUN --mount=type=secret",
       .repeatable = true,
       .group = "Steps"},
      {.names = "--ssh",
       .value = "ID[=SOCKET]",
       .help = "an agent for RUN --mount=type=ssh",
       .repeatable = true,
       .group = "Steps"},
      {.names = "--network",
       .value = "host|none",
       .help = "of RUNs that say none themselves",
       .choices = {"default", "host", "none"},
       .group = "Steps"},
      {.names = "--add-host",
       .value = "HOST:ADDRESS",
       .help = "a line of /etc/hosts during RUN",
       .repeatable = true,
       .group = "Steps"},
      {.names = "--step-timeout",
       .value = "TIME",
       .help = "end a RUN that takes longer: 30s, 5m",
       .group = "Steps"},
      {.names = "--runtime",
       .value = "NAME",
       .help = "the OCI runtime: runc, crun or a path",
       .completes = Completes::file,
       .group = "Steps"},
      {.names = "--allow",
       .value = "ENTITLEMENT",
       .help = "security.insecure: let RUN --security=insecure keep all capabilities",
       .repeatable = true,
       .choices = {"security.insecure", "network.host"},
       .group = "Steps"},
      {.names = "--no-cache",
       .value = "STAGE",
       .help = "build anew: everything, or these stages",
       .repeatable = true,
       .group = "Cache",
       .optional_value = true},
      {.names = "--explain",
       .value = "",
       .help = "say why a step was built: which of its inputs changed",
       .group = "Cache"},
      {.names = "--cache-from",
       .value = "PLACE",
       .help = "look for steps there, too",
       .repeatable = true,
       .completes = Completes::image,
       .group = "Cache"},
      {.names = "--cache-to",
       .value = "PLACE",
       .help = "write the steps there: oci:DIR:NAME, docker://NAME",
       .completes = Completes::image,
       .group = "Cache"},
  };
}

}  // namespace stave::cli
