// The whole of fs again where the kernel is old or a seccomp profile forbids: no
// openat2, no listxattrat, no O_TMPFILE, no /proc. This program starts itself
// under a filter that answers as such a kernel would, and runs all other tests.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>

#include "unit/fs/scratch.h"

namespace stave::fs {
namespace {

using Filter = std::vector<struct ::sock_filter>;

struct ::sock_filter statement(std::uint16_t code, std::uint32_t k) { return BPF_STMT(code, k); }
struct ::sock_filter jump(std::uint16_t code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return BPF_JUMP(code, k, yes, no);
}

void load(Filter& filter, std::size_t offset) {
  filter.push_back(statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
}
void answer(Filter& filter, int error) {
  filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)));
}

// The call `number` gives `error`.
void forbid(Filter& filter, long number, int error) {
  load(filter, offsetof(struct ::seccomp_data, nr));
  filter.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
  answer(filter, error);
}

// openat with O_TMPFILE gives EOPNOTSUPP.
void forbid_tmpfile(Filter& filter) {
  load(filter, offsetof(struct ::seccomp_data, nr));
  filter.push_back(jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3));
  load(filter, offsetof(struct ::seccomp_data, args) + 2 * sizeof(std::uint64_t));  // low half: little endian
  filter.push_back(jump(BPF_JMP | BPF_JSET | BPF_K, O_TMPFILE & ~O_DIRECTORY, 0, 1));
  answer(filter, EOPNOTSUPP);
}

// Runs every other test of this program under `filter`; gives its exit code.
int run_others(Filter filter, const std::string& without) {
  filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  return in_child([&] {
    struct ::sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) return cannot;
    const std::string chosen = "--gtest_filter=-OldKernel.*" + without;
    ::unsetenv("GTEST_SHARD_STATUS_FILE");
    ::unsetenv("GTEST_OUTPUT");
    ::unsetenv("XML_OUTPUT_FILE");
    ::execl("/proc/self/exe", "unit_fs", chosen.c_str(), "--gtest_brief=1", nullptr);
    return cannot;
  });
}

constexpr long listxattrat_number = SYS_openat2 + 28;

TEST(OldKernel, WithoutOpenat2EverythingHolds) {
  Filter filter;
  forbid(filter, SYS_openat2, ENOSYS);
  forbid(filter, listxattrat_number, ENOSYS);
  forbid_tmpfile(filter);
  STAVE_EXPECT_CHILD(run_others(filter, ""), 0, "a seccomp filter");
}

TEST(OldKernel, WithoutProcEverythingHolds) {
  Filter filter;
  forbid(filter, SYS_openat2, EPERM);
  forbid(filter, listxattrat_number, EPERM);
  forbid(filter, SYS_statfs, ENOENT);  // which is how fs asks for /proc
  STAVE_EXPECT_CHILD(run_others(filter, ""), 0, "a seccomp filter");
}

}  // namespace
}  // namespace stave::fs
