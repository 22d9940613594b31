// Error: names of the kinds, and what errno values mean.

#include "stave/base/error.h"

#include <cerrno>
#include <system_error>

namespace stave {

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::usage:
      return "usage";
    case Kind::not_found:
      return "not_found";
    case Kind::exists:
      return "exists";
    case Kind::invalid:
      return "invalid";
    case Kind::mismatch:
      return "mismatch";
    case Kind::unsupported:
      return "unsupported";
    case Kind::denied:
      return "denied";
    case Kind::limit:
      return "limit";
    case Kind::changed:
      return "changed";
    case Kind::no_space:
      return "no_space";
    case Kind::busy:
      return "busy";
    case Kind::io:
      return "io";
    case Kind::cancelled:
      return "cancelled";
    case Kind::internal:
      return "internal";
  }
  return "internal";
}

Kind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return Kind::not_found;
    case EEXIST:
    case ENOTEMPTY:
      return Kind::exists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Kind::denied;
    case ENOSPC:
    case EDQUOT:
      return Kind::no_space;
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Kind::limit;
    case EBUSY:
    case EWOULDBLOCK:
      return Kind::busy;
    case ENOSYS:
    case EOPNOTSUPP:
      return Kind::unsupported;
    default:
      return Kind::io;
  }
}

void throw_errno(int error_number, std::string_view what) {
  std::string hint;
  if (kind_of_errno(error_number) == Kind::no_space)
    hint = "free some space, or point TMPDIR or --store elsewhere";
  if (error_number == EFBIG) hint = "raise the limit (ulimit -f), or use a file system for larger files";
  throw Error(kind_of_errno(error_number),
              std::string(what) + ": " + std::generic_category().message(error_number), hint);
}

}  // namespace stave
