// Loop: takes what was posted, lets curl work, tells who waits, and looks at the
// clock, until the Client goes.

#include "stave/http/loop.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "stave/base/error.h"

namespace stave::http {
namespace {

// How often the clocks of transfers are looked at; a stall is found that much later at most.
constexpr std::chrono::milliseconds most_patient{1000};
constexpr std::chrono::milliseconds least_patient{5};
// Connections that are kept for later.
constexpr long kept_connections = 64;

// Signals are for the threads of the program. SIGPIPE above all: OpenSSL writes to sockets without
// MSG_NOSIGNAL.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Client::Loop::Loop(Options options)
    : options_(std::move(options)), multi_(curl().multi_init()), ground_{Bucket(options_.rate)} {
  if (multi_ == nullptr) throw Error(Kind::io, "libcurl has no memory for its connections");
  curl().multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl().multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kept_connections);
  mailbox_ = std::make_shared<Mailbox>(multi_);
  thread_ = std::thread([this] { run(); });
}

Client::Loop::~Loop() {
  mailbox_->close();
  thread_.join();
}

void Client::Loop::run() {
  block_signals();
  while (!mailbox_->closed()) {
    ground_.bucket.fill(Transfer::Clock::now());
    for (const std::shared_ptr<Transfer>& transfer : mailbox_->take()) {
      attend(transfer, Transfer::Clock::now());
    }
    int running = 0;
    curl().multi_perform(multi_, &running);
    settle();
    collect();
    const Time now = Transfer::Clock::now();
    tick(now);
    curl().multi_poll(multi_, nullptr, 0, patience(now), nullptr);
  }
  leave();
}

void Client::Loop::attend(const std::shared_ptr<Transfer>& transfer, Time now) {
  if (!transfer->begun()) {
    transfer->begin(ground_, now);
    active_.emplace(transfer.get(), transfer);
    const CURLMcode code = curl().multi_add_handle(multi_, transfer->easy());
    if (code != CURLM_OK) {
      transfer->finish(CURLE_FAILED_INIT);
      active_.erase(transfer.get());
      return;
    }
  }
  if (!active_.contains(transfer.get())) return;
  if (transfer->attend(now) == Transfer::Wish::leave) remove(*transfer);
}

// Letting a transfer go on can make curl hand over what it held back, so this may go round again.
void Client::Loop::settle() {
  while (!ground_.touched.empty()) {
    for (Transfer* const transfer : std::exchange(ground_.touched, {})) {
      if (!active_.contains(transfer)) continue;
      if (transfer->settle(Transfer::Clock::now()) == Transfer::Wish::leave) remove(*transfer);
    }
  }
}

void Client::Loop::collect() {
  int left = 0;
  while (const CURLMsg* const message = curl().multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* self = nullptr;
    const CURLcode code = message->data.result;
    curl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
    auto& transfer = *reinterpret_cast<Transfer*>(self);
    transfer.finish(code);
    remove(transfer);
  }
}

void Client::Loop::tick(Time now) {
  ground_.bucket.fill(now);
  if (ground_.bucket.limits() && !ground_.bucket.empty()) {
    for (const auto& [key, transfer] : active_) transfer->refill();
    settle();
  }
  const auto between = std::clamp(options_.stall_timeout / 8, least_patient, most_patient);
  if (now - ticked_ < between) return;
  ticked_ = now;
  std::vector<std::shared_ptr<Transfer>> late;
  for (const auto& [key, transfer] : active_) {
    if (transfer->tick(now, options_.stall_timeout) == Transfer::Wish::leave) late.push_back(transfer);
  }
  for (const std::shared_ptr<Transfer>& transfer : late) {
    transfer->fail({.cause = Failure::Cause::stalled, .connected = true});
    remove(*transfer);
  }
}

// Milliseconds until there is something to do even if nothing happens.
int Client::Loop::patience(Time /*now*/) const {
  constexpr int long_enough = 60'000;
  if (active_.empty()) return long_enough;
  std::chrono::milliseconds wait = std::clamp(options_.stall_timeout / 8, least_patient, most_patient);
  if (ground_.bucket.empty()) wait = std::min(wait, ground_.bucket.wait());
  return static_cast<int>(wait.count());
}

// After this curl does not know it any more, and the thread that asked may be the last who does.
void Client::Loop::remove(Transfer& transfer) {
  const auto found = active_.find(&transfer);
  if (found == active_.end()) return;
  curl().multi_remove_handle(multi_, transfer.easy());
  std::erase(ground_.touched, &transfer);
  transfer.fail({.cause = Failure::Cause::closed});  // unless it has ended otherwise
  active_.erase(found);
}

void Client::Loop::leave() {
  const std::vector<std::shared_ptr<Transfer>> unbegun = mailbox_->leave();
  for (const std::shared_ptr<Transfer>& transfer : unbegun) transfer->fail({.cause = Failure::Cause::closed});
  while (!active_.empty()) remove(*active_.begin()->second);
  curl().multi_cleanup(multi_);
}

}  // namespace stave::http
