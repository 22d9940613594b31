// Transfer: one request on its way and its reply, shared by the thread that asked and
// the loop's thread, which alone touches curl. Internal to http.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "stave/base/context.h"
#include "stave/base/stream.h"
#include "stave/http/bucket.h"
#include "stave/http/curl.h"
#include "stave/http/http.h"
#include "stave/http/ring.h"

namespace stave::http {

class Transfer;

// Why a transfer came to nothing.
struct Failure {
  enum class Cause : std::uint8_t { curl, stalled, large_head, closed };
  Cause cause = Cause::curl;
  CURLcode code = CURLE_OK;  // of curl
  bool connected = false;    // something was sent
  std::string words = {};    // curl's own
};

// Where the loop is told of transfers that need it. Outlives the loop, for bodies that do.
class Mailbox {
 public:
  explicit Mailbox(CURLM* multi) : multi_(multi) {}

  // False if the loop has ended.
  bool post(std::shared_ptr<Transfer> transfer);
  std::vector<std::shared_ptr<Transfer>> take();
  void close();  // asks the loop to end
  bool closed() const;
  // By the loop, before it cleans up. What is posted later is refused.
  std::vector<std::shared_ptr<Transfer>> leave();

 private:
  mutable std::mutex mutex_;
  CURLM* multi_;
  std::vector<std::shared_ptr<Transfer>> posted_;
  bool closed_ = false;
};

// What all transfers of a loop share, on its thread.
struct Ground {
  Bucket bucket;
  std::vector<Transfer*> touched = {};  // something came since it was last looked at
};

class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  using Clock = std::chrono::steady_clock;

  // Together with curl's own buffer at most 1 MiB. A wakeup costs about 10 us, which is nothing against
  // the time that 256 KiB take to be hashed.
  static constexpr std::size_t curl_buffer = 256 * 1024;
  static constexpr std::size_t receive_ring = 768 * 1024;
  static constexpr std::size_t send_ring = 512 * 1024;
  static constexpr std::size_t worth_waking = 256 * 1024;
  // What is read of a body that nobody wants, to keep the connection.
  static constexpr std::uint64_t discard_bytes = 64 * 1024;
  static constexpr std::chrono::seconds discard_time{2};
  // After this silence a body without a length is over, if it answers a request that was not sent in full.
  static constexpr std::chrono::seconds early_end{1};

  Transfer(std::shared_ptr<Mailbox> mailbox, const Request& request);

  // --- The thread that asked ---

  CURL* easy() const { return easy_.get(); }
  void keep(List headers) { headers_list_ = std::move(headers); }
  const std::string& body() const { return body_; }

  // Sends it, with what `source` gives (null: it has no stream), and waits for the head of the reply:
  // nullopt, or why there is none. A stop or a failure of the source ends it.
  std::optional<Failure> run(const Context& context, Source* source);
  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  std::optional<std::uint64_t> length() const { return length_; }
  // Some of the body; 0 at its end, or with a failure.
  std::size_t read(const Context& context, MutableBytes out, std::optional<Failure>& failure);
  // Nobody will read any further.
  void abandon();

  // --- The loop's thread ---

  void begin(Ground& ground, Clock::time_point now);
  enum class Wish : std::uint8_t { stay, leave };
  // Looks at what the other thread did.
  Wish attend(Clock::time_point now);
  // After curl worked: wakes who waits, holds what is full.
  Wish settle(Clock::time_point now);
  // Now and then: whether the time is up.
  Wish tick(Clock::time_point now, std::chrono::milliseconds stall);
  // The rate allows more.
  void refill();
  // It is over; `code` is curl's.
  void finish(CURLcode code);
  void fail(Failure failure);
  bool begun() const { return ground_ != nullptr; }

 private:
  static std::size_t on_head(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_send(char* out, std::size_t size, std::size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  bool head_line(std::string_view line);
  void end_head();
  std::size_t receive(Bytes bytes);
  std::size_t discard(std::size_t count);
  std::size_t send(MutableBytes out);
  void touch();
  void apply_pauses();
  bool waits_for_us() const {
    return receive_held_ || receive_limited_ || ((send_held_ || send_limited_) && !head_done_);
  }
  void feed(const Context& context, Source& source);
  bool fill(const Context& context, Source& source);
  void set_callbacks();

  std::shared_ptr<Mailbox> mailbox_;
  Easy easy_;
  List headers_list_;
  std::string body_;
  std::array<char, CURL_ERROR_SIZE> words_{};
  const std::uint64_t stream_size_;
  const bool streams_;
  const bool head_only_;

  std::mutex mutex_;
  std::condition_variable_any changed_;

  // Under the mutex.
  bool head_done_ = false;  // after this status_, headers_ and length_ do not change
  bool ended_ = false;
  std::optional<Failure> failure_;
  bool abandoned_ = false;
  bool reader_waits_ = false;
  bool feeder_waits_ = false;
  Ring in_;
  Ring out_;
  std::uint64_t fed_ = 0;      // bytes of the stream that went into the ring
  std::uint64_t sent_ = 0;     // and out of it
  bool receive_held_ = false;  // curl was told to wait because the ring is full
  bool send_held_ = false;     // or because it is empty

  // The loop's thread only, until head_done_.
  int status_ = 0;
  Headers headers_;
  std::optional<std::uint64_t> length_;

  // The loop's thread only.
  Ground* ground_ = nullptr;
  std::size_t head_bytes_ = 0;
  std::uint64_t received_ = 0;
  bool whole_ = false;  // the ring holds all of the body
  bool receive_limited_ = false;
  bool send_limited_ = false;
  bool touched_ = false;
  bool early_seen_ = false;
  bool connected_ = false;
  bool discarding_ = false;
  std::uint64_t discarded_ = 0;
  Clock::time_point discard_until_{};
  Clock::time_point last_byte_{};
};

}  // namespace stave::http
