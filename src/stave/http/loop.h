// Loop: the thread on which curl works for all transfers of a Client. Internal to
// http.

#pragma once

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "stave/http/http.h"
#include "stave/http/setup.h"
#include "stave/http/transfer.h"

namespace stave::http {

class Client::Loop {
 public:
  explicit Loop(Options options);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Ends all transfers: those who wait for them are told so.
  ~Loop();

  const Options& options() const { return options_; }
  Authorities& authorities() { return authorities_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

 private:
  using Time = Transfer::Clock::time_point;

  void run();
  void attend(const std::shared_ptr<Transfer>& transfer, Time now);
  void settle();
  void collect();
  void tick(Time now);
  void remove(Transfer& transfer);
  int patience(Time now) const;
  void leave();

  const Options options_;
  Authorities authorities_;
  CURLM* multi_;
  std::shared_ptr<Mailbox> mailbox_;
  Ground ground_;
  std::map<Transfer*, std::shared_ptr<Transfer>> active_;
  Time ticked_{};
  std::thread thread_;
};

}  // namespace stave::http
