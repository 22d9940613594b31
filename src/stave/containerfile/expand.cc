// Where variables are put into instructions.

#include <fmt/format.h>

#include "stave/base/text.h"
#include "stave/containerfile/lex.h"
#include "stave/containerfile/parts.h"

namespace stave::containerfile {
namespace {

class Expander {
 public:
  Expander(char escape, const Variables& variables, const std::function<void(const std::string&)>& unset)
      : how_{.escape = escape}, variables_(variables), unset_(unset) {}

  std::string word(const std::string& text) const {
    // Most words have nothing to be put in or taken off.
    if (text.find_first_of("$'\"\\`") == text.npos) return text;
    return told(lex(text, how_, variables_)).text;
  }
  std::vector<std::string> words(const std::string& text) const {
    return told(lex(text, how_, variables_)).words;
  }
  // A document: quotes in it are its own.
  std::string document(const std::string& text) const {
    return told(lex(text, {.escape = '\\', .no_quotes = true}, variables_)).text;
  }

  void operator()(Env& env) const { pairs(env.pairs); }
  void operator()(Label& label) const { pairs(label.pairs); }
  void operator()(Arg& arg) const {
    for (auto& one : arg.all) {
      one.key = word(one.key);
      if (one.value) one.value = word(*one.value);
    }
  }
  void operator()(Transfer& transfer) const {
    transfer.chown = word(transfer.chown);
    transfer.chmod = word(transfer.chmod);
    transfer.checksum = word(transfer.checksum);
    for (auto& source : transfer.sources) source = word(source);
    for (auto& content : transfer.contents) {
      if (content.expand) content.content = document(content.content);
    }
    transfer.destination = word(transfer.destination);
  }
  void operator()(Run& run) const {
    run.mounts.clear();
    for (const auto& text : run.mount_texts)
      run.mounts.push_back(read_mount(text, [&](const std::string& value) { return word(value); }));
  }
  void operator()(Expose& expose) const {
    std::vector<std::string> ports;
    for (const auto& port : expose.ports) {
      for (auto& each : words(port)) ports.push_back(std::move(each));
    }
    expose.ports = std::move(ports);
  }
  void operator()(User& user) const { user.user = word(user.user); }
  void operator()(Workdir& workdir) const { workdir.path = word(workdir.path); }
  void operator()(Volume& volume) const {
    for (auto& path : volume.paths) {
      path = word(path);
      if (path.empty()) throw Error(Kind::invalid, "VOLUME specified can not be an empty string");
    }
  }
  void operator()(StopSignal& stop) const { stop.signal = word(stop.signal); }
  // A shell, or the engine that runs the image, does that.
  void operator()(Cmd&) const {}
  void operator()(Entrypoint&) const {}
  void operator()(Shell&) const {}
  void operator()(Maintainer&) const {}
  void operator()(OnBuild&) const {}
  void operator()(Healthcheck&) const {}

 private:
  void pairs(std::vector<KeyValue>& pairs) const {
    for (auto& pair : pairs) {
      pair.key = word(pair.key);
      pair.value = word(pair.value);
    }
  }
  Lexed told(Lexed lexed) const {
    if (unset_) {
      for (const auto& name : lexed.unset) unset_(name);
    }
    return lexed;
  }

  Lexing how_;
  const Variables& variables_;
  const std::function<void(const std::string&)>& unset_;
};

}  // namespace

Instruction expanded(const Containerfile& file, const Instruction& instruction, const Variables& variables,
                     const std::function<void(const std::string& name)>& unset) {
  Instruction out = instruction;
  try {
    std::visit(Expander(file.escape, variables, unset), out.what);
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid) throw;
    throw error_at(file.text, instruction.where, error.what(), error.hint());
  }
  return out;
}

std::string expanded_word(const Containerfile& file, const std::string& word, const Span& where,
                          const Variables& variables,
                          const std::function<void(const std::string& name)>& unset) {
  try {
    return Expander(file.escape, variables, unset).word(word);
  } catch (const Error& error) {
    if (error.kind() != Kind::invalid) throw;
    throw error_at(file.text, where, error.what(), error.hint());
  }
}

}  // namespace stave::containerfile
