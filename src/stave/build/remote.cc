// URLs and git repositories as files.

#include "stave/build/remote.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>

#include "stave/base/limits.h"
#include "stave/base/text.h"
#include "stave/build/program.h"
#include "stave/fs/fs.h"
#include "stave/http/dates.h"
#include "stave/runtime/program.h"

namespace stave::build {
namespace {

// One file that was fetched into a file without a name.
class FileContents : public layer::Contents {
 public:
  explicit FileContents(std::shared_ptr<const fs::Fd> file) : file_(std::move(file)) {}
  void read(const layer::Change&, std::uint64_t offset, MutableBytes out) const override {
    fs::read_at_skipping_holes(*file_, offset, out, "what was fetched");
  }

 private:
  std::shared_ptr<const fs::Fd> file_;
};

class FetchedFile : public Files {
 public:
  FetchedFile(const std::string& name, std::string url, std::shared_ptr<const fs::Fd> file,
              std::uint64_t size, const Digest& digest, std::optional<std::int64_t> modified)
      : url_(std::move(url)), digest_(digest) {
    auto inode = std::make_shared<layer::Tree::Inode>();
    inode->meta.type = layer::Type::regular;
    inode->meta.mode = 0600;  // as docker: nobody asked for more
    inode->meta.size = size;
    inode->meta.mtime = {modified.value_or(0), 0};
    inode->digest = digest;
    if (size > 0) inode->contents = std::make_shared<FileContents>(std::move(file));
    tree_.put(name, std::move(inode), {});
  }
  std::string describe() const override { return quote(url_); }
  const layer::Tree& tree(const Context&) const override { return tree_; }
  Digest digest(const Context&, const std::string&, const layer::Tree::Inode&) const override {
    return digest_;
  }
  void fill(const Context&, layer::Changeset&) const override {}

 private:
  std::string url_;
  Digest digest_;
  layer::Tree tree_;
};

// The name of the file: what Content-Disposition says, else the last part of the path. Never a path.
std::string name_of(const http::Reply& reply, const std::string& url) {
  const auto harmless = [](std::string name) {
    name = name.substr(name.rfind('/') == name.npos ? 0 : name.rfind('/') + 1);
    name.erase(std::remove(name.begin(), name.end(), '\0'), name.end());
    return name == "." || name == ".." || name.size() > limits::name_bytes ? std::string() : name;
  };
  if (const auto disposition = reply.headers.find("Content-Disposition")) {
    const std::size_t at = disposition->find("filename=");
    if (at != disposition->npos) {
      std::string name = disposition->substr(at + 9);
      name = name.starts_with('"') ? name.substr(1, name.find('"', 1) - 1) : name.substr(0, name.find(';'));
      if (name = harmless(std::move(name)); !name.empty()) return name;
    }
  }
  std::string path = url.substr(0, url.find_first_of("?#"));
  path = path.substr(std::min(path.find("://") + 3, path.size()));
  const std::string name = path.find('/') == path.npos ? "" : harmless(path);
  if (name.empty())
    throw Error(Kind::invalid, fmt::format("{} ends in no name", quote(url)),
                "the file takes its name from the URL");
  return name;
}

Fetched fetch(const Context& context, const http::Client& client, const std::string& url,
              const std::string& spool) {
  auto reply = client.send(context, {.url = http::Url::parse(url)});
  if (reply.status != 200) {
    const Kind kind = reply.status == 404 || reply.status == 410   ? Kind::not_found
                      : reply.status == 401 || reply.status == 403 ? Kind::denied
                                                                   : Kind::io;
    throw Error(kind, fmt::format("{}: the server says {}", quote(url), reply.status));
  }
  Task task(context, "fetching " + url, reply.length.value_or(0));
  auto file = fs::TempFile::anonymous(spool);
  Hasher hasher;
  std::vector<std::byte> buffer(limits::copy_buffer);
  for (;;) {
    const std::size_t count = reply.body->read(buffer);
    if (count == 0) break;
    if (file.size() + count > limits::added_url_bytes)
      throw Error(Kind::limit,
                  fmt::format("{} is larger than {}", quote(url), human_size(limits::added_url_bytes)));
    const Bytes bytes(buffer.data(), count);
    hasher.update(bytes);
    file.write(bytes);
    task.advance(count);
  }
  task.done();
  const std::uint64_t size = file.size();
  const Digest digest = std::move(hasher).finish();
  std::optional<std::int64_t> modified;
  if (const auto header = reply.headers.find("Last-Modified")) modified = http::find_date(*header);
  const std::string name = name_of(reply, url);
  auto fd = std::make_shared<const fs::Fd>(std::move(file).release());
  return {.files = std::make_shared<FetchedFile>(name, url, std::move(fd), size, digest, modified),
          .name = name,
          .digest = digest,
          .modified = modified};
}

// A directory that goes away with whoever holds it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& spool) : path_(spool + "/stave-git-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) throw_errno(errno, quote(spool));
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Checkout : public Files {
 public:
  Checkout(std::shared_ptr<TemporaryDirectory> directory, std::shared_ptr<const Files> files,
           std::string name)
      : directory_(std::move(directory)), files_(std::move(files)), name_(std::move(name)) {}
  std::string describe() const override { return name_; }
  const layer::Tree& tree(const Context& context) const override { return files_->tree(context); }
  Digest digest(const Context& context, const std::string& path,
                const layer::Tree::Inode& inode) const override {
    return files_->digest(context, path, inode);
  }
  void fill(const Context& context, layer::Changeset& changes) const override {
    files_->fill(context, changes);
  }

 private:
  std::shared_ptr<TemporaryDirectory> directory_;
  std::shared_ptr<const Files> files_;
  std::string name_;
};

// What a source says: https://host/x.git#ref:subdirectory, or with ?ref=…&subdir=….
struct GitSource {
  std::string remote;
  std::string reference;
  std::string directory;
  std::string commit;  // wanted
};

GitSource parse_git(std::string source) {
  GitSource git;
  if (const std::size_t hash = source.find('#'); hash != source.npos) {
    const std::string fragment = source.substr(hash + 1);
    source.resize(hash);
    const std::size_t colon = fragment.find(':');
    git.reference = fragment.substr(0, colon);
    if (colon != fragment.npos) git.directory = fragment.substr(colon + 1);
  }
  if (const std::size_t query = source.find('?'); query != source.npos && source.find("://") != source.npos) {
    for (const auto& field : split(std::string_view(source).substr(query + 1), '&')) {
      const std::size_t equals = field.find('=');
      const std::string key = field.substr(0, equals);
      const std::string value = equals == field.npos ? "" : field.substr(equals + 1);
      if (key == "ref")
        git.reference = value;
      else if (key == "branch")
        git.reference = "refs/heads/" + value;
      else if (key == "tag")
        git.reference = "refs/tags/" + value;
      else if (key == "commit" || key == "checksum")
        git.commit = value;
      else if (key == "subdir")
        git.directory = value;
      else
        throw Error(Kind::invalid, fmt::format("{}: unknown query {}", quote(source), quote(key)),
                    "there are ref, branch, tag, commit and subdir");
    }
    source.resize(query);
  }
  if (source.starts_with("github.com/")) source = "https://" + source;
  git.remote = source;
  if (git.remote.starts_with('-') || git.reference.starts_with('-'))
    throw Error(Kind::invalid, fmt::format("{} is no repository", quote(source)));
  return git;
}

class GitProgram {
 public:
  GitProgram(const Context& context, const std::string& search_path,
             const std::vector<std::string>& environment, std::string directory)
      : context_(context), environment_(environment), directory_(std::move(directory)) {
    const auto found = runtime::find_program("git", search_path);
    if (!found)
      throw Error(Kind::not_found, "the program git is not here, and a git repository is to be fetched",
                  "install git");
    path_ = *found;
  }

  // Its standard output; nullopt if it failed and `must` is false.
  std::optional<std::string> run(std::vector<std::string> words, bool must = true) const {
    // Nothing of the host's configuration, no hooks, no questions, and no transports that run programs.
    std::vector<std::string> all = {path_,
                                    "-C",
                                    directory_,
                                    "-c",
                                    "core.hooksPath=/dev/null",
                                    "-c",
                                    "protocol.allow=never",
                                    "-c",
                                    "protocol.https.allow=always",
                                    "-c",
                                    "protocol.http.allow=always",
                                    "-c",
                                    "protocol.ssh.allow=always",
                                    "-c",
                                    "protocol.git.allow=always",
                                    "-c",
                                    "protocol.file.allow=always",
                                    "-c",
                                    "advice.detachedHead=false",
                                    "-c",
                                    "init.defaultBranch=main"};
    all.insert(all.end(), std::make_move_iterator(words.begin()), std::make_move_iterator(words.end()));
    std::vector<std::string> environment = {"GIT_TERMINAL_PROMPT=0",
                                            "GIT_CONFIG_NOSYSTEM=1",
                                            "GIT_CONFIG_GLOBAL=/dev/null",
                                            "PATH=/usr/local/bin:/usr/bin:/bin",
                                            "LC_ALL=C",
                                            "HOME=" + directory_,
                                            "GIT_SSH_COMMAND=ssh -o BatchMode=yes",
                                            "GIT_LFS_SKIP_SMUDGE=1"};
    environment.insert(environment.end(), environment_.begin(), environment_.end());
    StringSink out;
    const auto ran =
        run_program(context_, {.words = std::move(all), .environment = std::move(environment)}, out);
    if (ran.code == 0) return out.text();
    if (!must) return std::nullopt;
    const auto lines = split(ran.errors, '\n');
    std::string said;
    for (const auto& line : lines) {
      if (!line.empty()) said = line;
    }
    throw Error(Kind::not_found, fmt::format("git: {}", printable(said)));
  }

 private:
  const Context& context_;
  const std::vector<std::string>& environment_;
  std::string path_;
  std::string directory_;
};

}  // namespace

bool is_url(std::string_view source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

bool is_git(std::string_view source) {
  const std::string_view plain = source.substr(0, source.find_first_of("#?"));
  if (source.starts_with("git://") || source.starts_with("ssh://") || source.starts_with("git@")) return true;
  if (source.starts_with("github.com/")) return true;
  return (is_url(source) || source.starts_with("file://")) && plain.ends_with(".git");
}

Fetch fetch_with(http::Options options, std::string spool) {
  struct Shared {
    std::mutex mutex;
    std::optional<http::Client> client;
  };
  const auto shared = std::make_shared<Shared>();
  return [shared, options = std::move(options), spool = std::move(spool)](const Context& context,
                                                                          const std::string& url) {
    {
      const std::lock_guard lock(shared->mutex);
      if (!shared->client) shared->client.emplace(options);
    }
    return fetch(context, *shared->client, url, spool);
  };
}

Git checkout(const Context& context, const std::string& source, bool keep_directory, const std::string& spool,
             const std::string& search_path, const std::vector<std::string>& environment) {
  const auto git = parse_git(source);
  auto directory = std::make_shared<TemporaryDirectory>(spool);
  const GitProgram program(context, search_path, environment, directory->path());
  program.run({"init", "-q"});
  const std::string wanted = !git.commit.empty()     ? git.commit
                             : git.reference.empty() ? "HEAD"
                                                     : git.reference;
  // One commit where the server gives that; a commit that is no tip needs the history.
  if (!program.run({"fetch", "-q", "--depth", "1", "--no-tags", "--", git.remote, wanted}, false)) {
    program.run({"fetch", "-q", "--tags", "--", git.remote, "+refs/heads/*:refs/remotes/origin/*"});
    program.run({"checkout", "-q", "--detach", wanted});
  } else {
    program.run({"checkout", "-q", "--detach", "FETCH_HEAD"});
  }
  std::string commit = *program.run({"rev-parse", "HEAD"});
  while (commit.ends_with('\n')) commit.pop_back();
  if (!git.commit.empty() && !commit.starts_with(git.commit))
    throw Error(Kind::mismatch,
                fmt::format("{} is at commit {}, not {}", quote(source), commit, quote(git.commit)));
  std::string root = directory->path();
  if (!git.directory.empty()) {
    // The repository says what is a directory: no symlink leads out of it.
    std::error_code error;
    const auto real = std::filesystem::canonical(root + "/" + git.directory, error);
    const auto base = std::filesystem::canonical(root, error).string();
    if (error || !(real.string() + "/").starts_with(base + "/") || !std::filesystem::is_directory(real))
      throw Error(Kind::not_found,
                  fmt::format("{} has no directory {}", quote(git.remote), quote(git.directory)));
    root = real.string();
  }
  const containerfile::Patterns hidden(keep_directory ? std::vector<std::string>{}
                                                      : std::vector<std::string>{".git"});
  auto files = open_context(root, hidden, "", fmt::format("the repository {}", quote(source)));
  return {.files = std::make_shared<Checkout>(directory, std::move(files),
                                              fmt::format("the repository {}", quote(source))),
          .commit = commit};
}

}  // namespace stave::build
