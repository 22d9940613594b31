// stave validate: an image against the specification, and against what clients
// need.

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stave/base/error.h"
#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/cli/grounds.h"
#include "stave/cli/operand.h"
#include "stave/cli/table.h"
#include "stave/cli/verbs.h"
#include "stave/cli/width.h"
#include "stave/compress/compress.h"
#include "stave/fs/fs.h"
#include "stave/layer/path.h"
#include "stave/tar/tar.h"
#include "stave/validate/graph.h"
#include "stave/validate/layers.h"
#include "stave/validate/output.h"
#include "stave/validate/profiles.h"

namespace stave::cli {
namespace {

using validate::Report;
using validate::Rule;
using validate::Severity;

// What cannot even be opened is a finding, unless it is not there, not ours to read, or not an answer.
bool is_answer(const Error& error) {
  switch (error.kind()) {
    case Kind::invalid:
    case Kind::mismatch:
    case Kind::limit:
    case Kind::unsupported:
      return true;
    default:
      return false;
  }
}

class Validation {
 public:
  explicit Validation(const Invocation& invocation)
      : invocation_(invocation), fast_(invocation.arguments.has("--fast")) {
    for (const auto& word : invocation.arguments.all("--profile")) {
      if (word == "podman") profiles_.push_back(validate::Profile::podman);
      if (word == "docker") profiles_.push_back(validate::Profile::docker);
      if (word == "containerd") profiles_.push_back(validate::Profile::containerd);
    }
  }

  void run(const std::string& word) {
    subject_.name = word;
    subject_.fast = fast_;
    const auto operand = Operand::parse(word);
    if (operand.layers_off != 0) throw Error(Kind::usage, "an image is validated as a whole, without ~N");
    switch (operand.is) {
      case Operand::Is::directory:
        return check_directory(operand.path);
      case Operand::Is::tar:
        return check_file(operand.path);
      case Operand::Is::image:
        return check_words(operand.words);
    }
  }

  const Report& report() const { return report_; }
  const validate::Subject& subject() const { return subject_; }

 private:
  const Context& context() const { return invocation_.context; }

  void check_words(const place::Words& words) {
    if (words.transport == place::Transport::layout && words.reference.empty())
      return check_directory(words.path);
    const auto grounds = grounds_of(invocation_);
    try {
      if (words.transport != place::Transport::store && words.reference.empty())
        return check_place(place::open_place(context(), words, grounds));
      const auto located = place::spooled(place::open(context(), words, grounds), grounds);
      remote_ = words.transport == place::Transport::registry;
      const auto archive = std::dynamic_pointer_cast<const place::Archive>(located.blobs);
      if (archive) check_archive_documents(*archive);
      check_root(*located.blobs, located.root, archive.get());
    } catch (const Error& e) {
      if (!is_answer(e)) throw;
      report_.add("E190", {.file = words.path.empty() ? words.str() : words.path}, e.what());
    }
  }

  void check_directory(const std::string& path) {
    const auto graph = validate::check_layout(context(), path, fast_, report_);
    subject_.images = graph.images.size();
    if (!content::Store::is_layout(path)) return;
    std::optional<content::Store> store;
    try {
      store = content::Store::open(path);
    } catch (const Error& e) {
      if (!is_answer(e)) throw;
      return;  // check_layout has said why
    }
    finish(*store, graph, {.images = graph.images.size()});
  }

  void check_place(const place::Place& place) {
    if (place.archive) check_archive_documents(*place.archive);
    if (place.offers.empty()) report_.add("E190", {.file = subject_.name}, "there is no image in it");
    for (const auto& offer : place.offers)
      check_root(*place.blobs, offer.descriptor, place.archive.get(), place.offers.size());
  }

  void check_archive_documents(const place::Archive& archive) {
    if (const auto layout = archive.find_text("oci-layout", limits::document_bytes))
      validate::check_document(*layout, "oci-layout", validate::Sort::layout, report_);
    if (const auto index = archive.find_text("index.json", limits::layout_index_bytes))
      validate::check_document(*index, "index.json", validate::Sort::index, report_);
  }

  void check_root(const content::BlobSource& blobs, const spec::Descriptor& root,
                  const place::Archive* archive, std::size_t images = 1) {
    const bool docker =
        archive != nullptr && archive->find_text("manifest.json", limits::document_bytes).has_value();
    const bool layout =
        archive == nullptr || archive->find_text("index.json", limits::layout_index_bytes).has_value();
    // At a registry there is no file around the image.
    const validate::Where where{.file = remote_ ? subject_.name : layout ? "index.json" : "manifest.json"};
    const auto graph = validate::check_graph(context(), blobs, root, where, report_);
    subject_.images += graph.images.size();
    finish(blobs, graph,
           {.is = archive == nullptr ? validate::Package::Is::layout : validate::Package::Is::archive,
            .images = images,
            .docker_manifest = docker,
            .annotations = root.annotations,
            .where = where});
  }

  void finish(const content::BlobSource& blobs, const validate::Graph& graph,
              const validate::Package& package) {
    if (!fast_) add(validate::check_layers(context(), blobs, graph, report_));
    for (const auto profile : profiles_) validate::check_profile(profile, package, graph, report_);
  }

  void add(const validate::Read& read) {
    subject_.read.layers += read.layers;
    subject_.read.entries += read.entries;
    subject_.read.stored += read.stored;
    subject_.read.plain += read.plain;
  }

  // A file is a document, an image archive or a layer, as its bytes say.
  void check_file(const std::string& path) {
    const auto real = std::filesystem::canonical(path);
    const auto file = std::make_shared<const fs::Fd>(
        fs::Dir::open(real.parent_path().string()).open_file(real.filename().string()));
    const std::uint64_t size = fs::stat(*file).size;
    fs::FileSource source(file, 0, size, quote(path));
    std::string beginning(std::min<std::uint64_t>(size, 512), '\0');
    fs::read_at(*file, 0, std::as_writable_bytes(std::span(beginning.data(), beginning.size())), path);
    const auto first = beginning.find_first_not_of(" \t\r\n");
    if (size == 0 || (first != std::string::npos && (beginning[first] == '{' || beginning[first] == '['))) {
      return validate::check_document(read_all(source, limits::layout_index_bytes, quote(path)), path,
                                      std::nullopt, report_);
    }
    if (is_archive(source)) {
      return check_words({.transport = place::Transport::oci_archive, .path = path, .reference = {}});
    }
    fs::FileSource again(file, 0, size, quote(path));
    add(validate::check_layer(context(), again, size, path, report_));
    subject_.fast = false;
  }

  // An image archive has few members, one of which says what it is; docker writes that one last.
  static bool is_archive(Source& source) {
    constexpr int looked_at = 1000;  // 127 layers are three members each
    try {
      std::array<std::byte, 6> first{};
      const std::size_t n = read_full(source, first);
      PrefixedSource whole(std::string(as_text(Bytes(first).first(n))), source);
      const auto plain = compress::decompress(whole, compress::sniff(Bytes(first).first(n)));
      tar::Reader reader(*plain);
      tar::Header header;
      for (int i = 0; i < looked_at && reader.next(header); ++i) {
        const auto path = layer::clean(header.name);
        if (path == "oci-layout" || path == "index.json" || path == "manifest.json" || path == "repositories")
          return true;
      }
    } catch (const Error& e) {
      if (!is_answer(e)) throw;
    }
    return false;
  }

  const Invocation& invocation_;
  bool fast_;
  std::vector<validate::Profile> profiles_;
  Report report_;
  validate::Subject subject_;
  bool remote_ = false;  // it is at a registry
};

// --- what people see ---

class ReportText {
 public:
  explicit ReportText(const Invocation& invocation)
      : utf8_(invocation.surroundings.utf8),
        color_(invocation.color()),
        columns_(invocation.surroundings.stdout_is_terminal ? invocation.surroundings.columns : 0) {}

  std::string render(const Report& report, const validate::Subject& subject, bool valid) {
    for (const auto& finding : report.findings()) add(finding);
    if (report.left_out() != 0) text_ += fmt::format("and {} more of the same\n", report.left_out());
    if (!report.findings().empty()) text_ += "\n";
    text_ += verdict(report, subject, valid) + "\n";
    return text_;
  }

 private:
  void add(const validate::Finding& finding) {
    const Rule& rule = *finding.rule;
    std::string place = one_line(shortened(finding.where.file), utf8_);
    if (!finding.where.at.empty())
      place += " " + one_line(validate::pointer_for_people(printable(finding.where.at)), utf8_);
    if (finding.where.line != 0)
      place += fmt::format(" (line {}, column {})", finding.where.line, finding.where.column);
    const bool error = rule.severity() == Severity::error;
    lines(colored(rule.code, error ? "1;31" : "1;33") + " ", 5,
          place + ": " + one_line(finding.found, utf8_));
    if (!told_.insert(&rule).second) return;  // what a rule is about is said once
    lines("     ", 5,
          fmt::format("{} ({}{})", rule.asks, rule.profile == validate::Profile::spec ? "image-spec " : "",
                      rule.section));
    lines("     ", 5, fmt::format("hint: {}", rule.hint));
  }

  // Nobody reads 64 digits: blobs/sha256/<12 digits>…
  std::string shortened(const std::string& file) const {
    const std::size_t name = file.rfind('/') + 1;
    constexpr std::size_t digits = 12;
    if (!file.starts_with("blobs/") || file.size() < name + 2 * digits) return file;
    return file.substr(0, name + digits) + (utf8_ ? "…" : "~");
  }

  // `text` behind `head`, which takes `indent` columns; what is longer than the terminal goes on below.
  void lines(const std::string& head, std::size_t indent, const std::string& text) {
    constexpr std::size_t least = 20;
    std::vector<std::string> parts{text};
    if (columns_ > indent + least) parts = wrap(text, columns_ - indent);
    for (std::size_t i = 0; i < parts.size(); ++i)
      text_ += (i == 0 ? head : std::string(indent, ' ')) + parts[i] + "\n";
  }

  std::string verdict(const Report& report, const validate::Subject& subject, bool valid) const {
    std::vector<std::string> facts;
    if (report.errors() != 0) facts.push_back(plural(report.errors(), "error"));
    if (report.warnings() != 0) facts.push_back(plural(report.warnings(), "warning"));
    if (subject.images != 0) facts.push_back(plural(subject.images, "image"));
    if (subject.read.layers != 0)
      facts.push_back(fmt::format("{}, {} of {} read", plural(subject.read.layers, "layer"),
                                  plural(subject.read.entries, "path"), human_size(subject.read.plain)));
    if (subject.fast) facts.emplace_back("layers not looked into");
    const std::string word = valid ? colored("valid", "1;32") : colored("not valid", "1;31");
    const std::string name = one_line(printable(subject.name), utf8_);
    return facts.empty() ? name + ": " + word : fmt::format("{}: {} ({})", name, word, join(facts, ", "));
  }

  std::string colored(std::string_view text, std::string_view how) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", how, text) : std::string(text);
  }

  bool utf8_;
  bool color_;
  std::size_t columns_;
  std::string text_;
  std::set<const Rule*> told_;
};

std::string_view word_of(const Rule& rule) {
  return rule.severity() == Severity::error ? "error" : "warning";
}

std::string asker(const Rule& rule) {
  return rule.profile == validate::Profile::spec ? "image-spec " + std::string(rule.section)
                                                 : std::string(rule.section);
}

int explain(const Invocation& invocation, const std::string& code) {
  const Rule* rule = validate::find_rule(code);
  if (rule == nullptr)
    throw Error(Kind::usage, fmt::format("there is no rule {}", quote(code)),
                "`stave validate --rules` lists them");
  const auto& surroundings = invocation.surroundings;
  constexpr std::size_t page = 78;
  const std::size_t columns =
      surroundings.stdout_is_terminal && surroundings.columns > 20 ? surroundings.columns : page;
  const std::string address = validate::url(*rule);
  invocation.print(fmt::format("{} ({}): {}\n{}\n\n{}\n\n{}\n", rule->code, word_of(*rule), rule->asks,
                               address.empty() ? "asked by " + std::string(rule->section) : address,
                               join(wrap(rule->story, columns), "\n"),
                               join(wrap(fmt::format("What to do: {}.", rule->hint), columns), "\n")));
  return 0;
}

int list_rules(const Invocation& invocation) {
  if (invocation.json) {
    invocation.print(validate::rules_json());
    return 0;
  }
  Table table({{"CODE"}, {"SEVERITY"}, {"ASKED BY"}, {"WHAT"}});
  for (const Rule& rule : validate::rules())
    table.add({std::string(rule.code), std::string(word_of(rule)), asker(rule), std::string(rule.asks)});
  invocation.print(table.render(invocation.color()));
  return 0;
}

int run_validate(const Invocation& invocation) {
  const auto& arguments = invocation.arguments;
  const auto code = arguments.get("--explain");
  if (arguments.positionals().empty()) {
    if (code) return explain(invocation, *code);
    if (arguments.has("--rules")) return list_rules(invocation);
    throw Error(Kind::usage, "nothing to validate",
                "name an image, a layout, an archive, a layer or a document");
  }
  if (code || arguments.has("--rules"))
    throw Error(Kind::usage, "--explain and --rules are about rules, and take no image");
  if (invocation.json && arguments.has("--sarif")) throw Error(Kind::usage, "either --json or --sarif");
  Validation validation(invocation);
  validation.run(arguments.positionals().front());
  const auto& report = validation.report();
  const bool valid = report.errors() == 0 && (report.warnings() == 0 || !arguments.has("--strict"));
  if (arguments.has("--sarif"))
    invocation.print(validate::to_sarif(report, STAVE_VERSION));
  else if (invocation.json)
    invocation.print(validate::to_json(report, validation.subject(), valid));
  else if (!invocation.quiet || !valid)
    invocation.print(ReportText(invocation).render(report, validation.subject(), valid));
  return valid ? 0 : 1;
}

}  // namespace

Command validate_verb() {
  Command verb{
      .name = "validate",
      .summary = "check an image against the specification and its clients",
      .description =
          "Checks an image in any place, a whole layout, an archive, the tar of a layer or a single document "
          "against the rules of the image-spec 1.1, and says for each finding what is wrong, where, which "
          "rule it "
          "breaks and what to do. Every layer is read to its end: digests, sizes, compression, diff_ids, "
          "paths, "
          "whiteouts and hardlinks are looked at, unless it has to be fast.\n\n"
          "Exits with 0 when there is no error, with 1 when there is one (or a warning, with `--strict`). "
          "docs/rules.md has all rules."};
  verb.positionals = {{.name = "IMAGE",
                       .help = "an image in any place, or a directory or file",
                       .least = 0,
                       .completes = Completes::image}};
  verb.options = {
      {.names = "--profile",
       .value = "CLIENT",
       .help = "also what this client needs",
       .repeatable = true,
       .choices = {"podman", "docker", "containerd"}},
      {.names = "--fast", .value = "", .help = "do not look into layers, nor at the content of other blobs"},
      {.names = "--strict", .value = "", .help = "a warning is enough to fail"},
      {.names = "--json", .value = "", .help = "print JSON"},
      {.names = "--sarif", .value = "", .help = "print SARIF 2.1.0"},
      {.names = "--explain", .value = "CODE", .help = "tell what a rule is about"},
      {.names = "--rules", .value = "", .help = "list all rules"},
  };
  verb.examples = {
      {"stave validate oci-archive:hello.tar --profile podman", "will podman load it?"},
      {"stave validate oci:layout", "everything that a layout holds"},
      {"stave validate --explain E012", "what does that mean?"},
  };
  verb.run = run_validate;
  return verb;
}

}  // namespace stave::cli
