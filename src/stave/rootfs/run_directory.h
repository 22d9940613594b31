// What one run of a container has on disk, and what is left of runs that were killed.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stave/fs/fs.h"
#include "stave/runtime/runtime.h"

namespace stave::rootfs {

struct RunDirectory {
  std::string id;    // "stave-0123456789abcdef"; also names the container
  std::string path;  // `cache`/run/ID
  fs::Fd lock;       // as long as it is open in some process, the run is not over
};

// Where things are in the directory of a run.
runtime::Job job_of(const std::string& id, const std::string& path);

// Makes the directory, for us alone, with `config` as bundle/config.json.
RunDirectory make_run_directory(const std::string& cache, std::string_view config);

// Removes the directories of runs whose every process is gone: they were killed before they could do it. What
// a runtime left elsewhere (a cgroup), `runtimes` are told to remove.
void remove_left_over_runs(const std::string& cache, const std::vector<runtime::Runtime>& runtimes);

// Removes the directory of one run whose processes are gone, and what a runtime noted of it, as well as that
// is possible. What is left the next start tries again.
void remove_run(const std::string& id, const std::string& path,
                const std::vector<runtime::Runtime>& runtimes);

}  // namespace stave::rootfs
