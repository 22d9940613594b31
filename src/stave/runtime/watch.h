// Watching over a child: a process with one thread that starts another one, passes
// on what signals it gets, and learns how it ended. The signals wait in a queue
// from beginning to end, so none is lost between two steps and nothing happens
// in a handler.

#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <string>
#include <vector>

namespace stave::runtime {

class Watch {
 public:
  // From here on, signals that would end this process are queued: all but those that stop it, continue it or
  // say that it is broken. Until destruction.
  Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  struct Program {
    std::vector<std::string> words;        // the first one is the file
    std::vector<std::string> environment;  // "NAME=value"
    bool with_input = true;                // else its standard input is /dev/null
    bool silent = false;                   // its output and errors go to /dev/null as well
  };
  // Starts it with the signals as they were before. One that cannot be started ends with 127.
  pid_t start(const Program& program) const;

  // How signals are passed on.
  struct Passing {
    bool typed = true;  // also those that were typed at the terminal (^C), which a child in the same process
                        // group of that terminal got by itself
    bool impatient = false;  // the second SIGINT kills
  };
  struct Ended {
    int code = 0;              // its exit code, or 128 and the number of the signal that ended it
    bool impatiently = false;  // killed by the second SIGINT
  };
  // Until `child` ended; reaps every other child that ends meanwhile.
  Ended wait(pid_t child, const Passing& passing) const;

  // For a child of our own making: the signals as they were before.
  void restore() const;

 private:
  sigset_t queued_ = {};
  sigset_t before_ = {};
};

}  // namespace stave::runtime
