// What ADD fetches, and contexts that are elsewhere: URLs and git repositories.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/build/files.h"
#include "stave/http/http.h"

namespace stave::build {

// A file that was fetched.
struct Fetched {
  std::shared_ptr<const Files> files;    // of one file: `name` at its root
  std::string name;                      // of the file, as the URL or Content-Disposition says
  Digest digest;                         // of its bytes
  std::optional<std::int64_t> modified;  // Last-Modified
};

// Fetches a URL (http, https). Handed in by the caller, who knows of networks.
using Fetch = std::function<Fetched(const Context& context, const std::string& url)>;

// The same through a client of its own, made when it is first needed; what is fetched is kept in an unnamed
// file in `spool`. Kind::not_found for what is not there, Kind::limit above limits::added_url_bytes.
Fetch fetch_with(http::Options options, std::string spool);

// Is it a git repository (git://, git@…, ….git, with #ref:subdir), or a URL?
bool is_git(std::string_view source);
bool is_url(std::string_view source);

struct Git {
  std::shared_ptr<const Files> files;
  std::string commit;  // 40 or 64 hex digits
};
// Checks a repository out with the program `git`, into `spool`; `.git` stays only if `keep_directory`.
// Kind::not_found without the program. Only https, http, ssh, git and, for contexts on this host, file URLs;
// no hooks, no prompts.
Git checkout(const Context& context, const std::string& source, bool keep_directory, const std::string& spool,
             const std::string& search_path, const std::vector<std::string>& environment = {});

}  // namespace stave::build
