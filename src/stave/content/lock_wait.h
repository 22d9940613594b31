// Waiting for a layout's lock: it says so when it takes long, and can be stopped.

#pragma once

#include "stave/base/context.h"
#include "stave/fs/fs.h"

namespace stave::content {

// Takes the lock on the layout itself. After a second of waiting the person is told for what; a stop request
// ends it with Kind::cancelled.
fs::Lock wait_for_lock(const Context& context, const fs::Dir& root, fs::Lock::Mode mode);

}  // namespace stave::content
