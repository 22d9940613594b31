// Transfer: the bytes of one request and its reply, between curl's callbacks and a
// thread that reads or writes at its own pace.

#include "stave/http/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "stave/base/error.h"
#include "stave/base/text.h"

namespace stave::http {
namespace {

// curl's code for a line or a head above its own bound, since 8.6; before that it ran out of memory.
constexpr int curl_too_large = 100;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

}  // namespace

bool Mailbox::post(std::shared_ptr<Transfer> transfer) {
  const std::lock_guard lock(mutex_);
  if (multi_ == nullptr) return false;
  const bool wake = posted_.empty();
  posted_.push_back(std::move(transfer));
  if (wake) curl().multi_wakeup(multi_);
  return true;
}

std::vector<std::shared_ptr<Transfer>> Mailbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(posted_, {});
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  if (multi_ != nullptr) curl().multi_wakeup(multi_);
}

bool Mailbox::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<std::shared_ptr<Transfer>> Mailbox::leave() {
  const std::lock_guard lock(mutex_);
  multi_ = nullptr;
  return std::exchange(posted_, {});
}

Transfer::Transfer(std::shared_ptr<Mailbox> mailbox, const Request& request)
    : mailbox_(std::move(mailbox)),
      easy_(curl().easy_init()),
      body_(request.body),
      stream_size_(request.stream_size),
      streams_(request.stream != nullptr),
      head_only_(request.method == "HEAD") {
  if (easy_ == nullptr) throw Error(Kind::io, "libcurl has no memory for a request");
  set_callbacks();
}

void Transfer::set_callbacks() {
  const Curl& c = curl();
  CURL* const handle = easy_.get();
  c.easy_setopt(handle, CURLOPT_ERRORBUFFER, words_.data());
  c.easy_setopt(handle, CURLOPT_PRIVATE, static_cast<void*>(this));
  c.easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_head);
  c.easy_setopt(handle, CURLOPT_HEADERDATA, static_cast<void*>(this));
  c.easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  c.easy_setopt(handle, CURLOPT_WRITEDATA, static_cast<void*>(this));
  if (!streams_) return;
  c.easy_setopt(handle, CURLOPT_READFUNCTION, &Transfer::on_send);
  c.easy_setopt(handle, CURLOPT_READDATA, static_cast<void*>(this));
  c.easy_setopt(handle, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
  c.easy_setopt(handle, CURLOPT_SEEKDATA, static_cast<void*>(this));
}

// --- The thread that asked ---

std::optional<Failure> Transfer::run(const Context& context, Source* source) {
  if (source != nullptr)
    out_ = Ring(static_cast<std::size_t>(std::min<std::uint64_t>(send_ring, stream_size_)));
  if (!mailbox_->post(shared_from_this())) return Failure{.cause = Failure::Cause::closed};
  try {
    if (source != nullptr) feed(context, *source);
    std::unique_lock lock(mutex_);
    changed_.wait(lock, context.stop, [&] { return head_done_ || ended_; });
    lock.unlock();
    context.check();
  } catch (...) {
    abandon();
    throw;
  }
  const std::lock_guard lock(mutex_);
  if (head_done_) return {};
  return failure_ ? failure_ : Failure{.cause = Failure::Cause::curl, .code = CURLE_GOT_NOTHING};
}

// The stream goes into the ring until all of it is there, or the reply came before.
void Transfer::feed(const Context& context, Source& source) {
  while (fill(context, source)) {
  }
}

bool Transfer::fill(const Context& context, Source& source) {
  MutableBytes room;
  {
    std::unique_lock lock(mutex_);
    if (fed_ == stream_size_) return false;
    feeder_waits_ = true;
    changed_.wait(lock, context.stop, [&] { return out_.free() != 0 || head_done_ || ended_; });
    feeder_waits_ = false;
    if (head_done_ || ended_) return false;
    room = out_.room();
    room = room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), stream_size_ - fed_)));
  }
  context.check();
  const std::size_t n = source.read(room);
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (n == 0) {
      throw Error(Kind::changed,
                  fmt::format("what is to be sent ended after {} of {} bytes", fed_, stream_size_));
    }
    out_.put(n);
    fed_ += n;
    wake = send_held_ && (out_.size() >= worth_waking || out_.free() == 0 || fed_ == stream_size_);
  }
  if (wake) mailbox_->post(shared_from_this());
  return true;
}

std::size_t Transfer::read(const Context& context, MutableBytes out, std::optional<Failure>& failure) {
  if (out.empty()) return 0;
  std::size_t done = 0;
  bool wake = false;
  std::unique_lock lock(mutex_);
  reader_waits_ = true;
  changed_.wait(lock, context.stop, [&] { return in_.size() != 0 || ended_; });
  reader_waits_ = false;
  if (context.stop.stop_requested()) {
    lock.unlock();
    abandon();
    context.check();
  }
  while (done < out.size() && in_.size() != 0) {
    const Bytes held = in_.held();
    const std::size_t n = std::min(held.size(), out.size() - done);
    lock.unlock();
    std::memcpy(out.data() + done, held.data(), n);
    lock.lock();
    in_.take(n);
    done += n;
    wake = receive_held_ && in_.free() >= 2 * curl_buffer;
    if (wake) break;
  }
  if (done == 0 && ended_) failure = failure_;
  lock.unlock();
  if (wake) mailbox_->post(shared_from_this());
  return done;
}

void Transfer::abandon() {
  {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return;
    abandoned_ = true;
    if (ended_) return;
  }
  mailbox_->post(shared_from_this());
}

// --- The loop's thread ---

void Transfer::begin(Ground& ground, Clock::time_point now) {
  ground_ = &ground;
  last_byte_ = now;
}

Transfer::Wish Transfer::attend(Clock::time_point now) {
  bool change = false;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return Wish::stay;
    if (abandoned_ && !discarding_) {
      const std::uint64_t length = head_only_ ? 0 : length_.value_or(0);
      const bool small = length - std::min(received_, length) <= discard_bytes;
      if (!head_done_ || !small || sent_ < stream_size_) return Wish::leave;
      discarding_ = true;
      discard_until_ = now + discard_time;
    }
    if (receive_held_ && (discarding_ || in_.free() >= 2 * curl_buffer)) {
      receive_held_ = false;
      change = true;
    }
    if (send_held_ && (out_.size() != 0 || fed_ == stream_size_)) {
      send_held_ = false;
      change = true;
    }
  }
  if (change) {
    last_byte_ = now;
    apply_pauses();
  }
  return Wish::stay;
}

// What is neither held nor limited flows. May call the callbacks at once.
void Transfer::apply_pauses() {
  const bool receive = receive_held_ || receive_limited_;
  const bool send = send_held_ || send_limited_;
  curl().easy_pause(easy_.get(), (receive ? CURLPAUSE_RECV : 0) | (send ? CURLPAUSE_SEND : 0));
}

// An answer that comes before its request has gone ends the sending. Mostly curl stops by itself when it is a
// failure, and reads what the server says of it; but not if the server closes the connection, and then it is
// this side that knows when all of the body is there. Of any other early answer only the head is of use.
Transfer::Wish Transfer::settle(Clock::time_point now) {
  touched_ = false;
  last_byte_ = now;
  bool early = false;
  bool hold = false;
  {
    const std::lock_guard lock(mutex_);
    if (reader_waits_ && in_.size() != 0) changed_.notify_all();
    // Before curl has read what the ring cannot take: it would copy it once more.
    hold = head_done_ && !whole_ && !receive_held_ && !discarding_ && in_.capacity() != 0 &&
           in_.free() < curl_buffer;
    if (hold) receive_held_ = true;
    early = head_done_ && streams_ && sent_ < stream_size_ && !early_seen_;
    if (early) send_held_ = send_limited_ = false;
  }
  if (early) early_seen_ = true;
  if (early_seen_ && (status_ < 300 || (length_ && received_ >= *length_))) {
    finish(CURLE_OK);
    return Wish::leave;
  }
  if (early || hold) apply_pauses();
  return Wish::stay;
}

Transfer::Wish Transfer::tick(Clock::time_point now, std::chrono::milliseconds stall) {
  if (discarding_ && now >= discard_until_) return Wish::leave;
  if (!connected_) {
    curl_off_t microseconds = 0;
    curl().easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &microseconds);
    connected_ = microseconds > 0;
    last_byte_ = now;  // until then curl's own clock counts (CURLOPT_CONNECTTIMEOUT_MS)
    return Wish::stay;
  }
  const std::lock_guard lock(mutex_);
  if (waits_for_us()) {
    last_byte_ = now;
    return Wish::stay;
  }
  if (early_seen_ && !length_ && now - last_byte_ >= early_end) {
    ended_ = true;
    changed_.notify_all();
    return Wish::leave;
  }
  return now - last_byte_ >= stall ? Wish::leave : Wish::stay;
}

void Transfer::refill() {
  if (!receive_limited_ && !send_limited_) return;
  receive_limited_ = send_limited_ = false;
  apply_pauses();
}

void Transfer::finish(CURLcode code) {
  // Whatever became of a connection on which nobody wanted the rest of the request.
  const bool all_there = streams_ && head_done_ && (length_ ? received_ >= *length_ : early_seen_);
  if (code == CURLE_OK || all_there) {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
    return;
  }
  const bool large = !head_done_ && (head_bytes_ > Client::head_bytes ||
                                     static_cast<int>(code) == curl_too_large || code == CURLE_OUT_OF_MEMORY);
  curl_off_t sent = 0;
  curl().easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &sent);
  Failure failure;
  failure.cause = large ? Failure::Cause::large_head : Failure::Cause::curl;
  failure.code = code;
  failure.connected = sent > 0;
  failure.words = words_[0] != '\0' ? words_.data() : curl().easy_strerror(code);
  fail(std::move(failure));
}

void Transfer::fail(Failure failure) {
  const std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  failure_ = std::move(failure);
  changed_.notify_all();
}

// --- curl's callbacks, on the loop's thread ---

void Transfer::touch() {
  if (touched_) return;
  touched_ = true;
  ground_->touched.push_back(this);
}

std::size_t Transfer::on_head(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.touch();
    return transfer.head_line({data, size * count}) ? size * count : 0;
  } catch (...) {
    return 0;  // memory
  }
}

// One line. Heads before the last are those of 1xx (RFC 9110, 15.2); lines after it are trailers.
bool Transfer::head_line(std::string_view line) {
  head_bytes_ += line.size();
  if (head_bytes_ > Client::head_bytes) return false;
  if (head_done_) return true;
  if (line.starts_with("HTTP/")) {
    headers_ = {};
    const std::string_view rest = trimmed(line.substr(std::min(line.find(' '), line.size())));
    status_ = static_cast<int>(std::min<std::uint64_t>(parse_number(rest.substr(0, 3)).value_or(0), 999));
    return true;
  }
  if (trimmed(line).empty()) {
    if (status_ >= 200) end_head();
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return true;
  headers_.add(std::string(trimmed(line.substr(0, colon))), std::string(trimmed(line.substr(colon + 1))));
  return true;
}

void Transfer::end_head() {
  const bool chunked = headers_.find("Transfer-Encoding").has_value();
  const std::optional<std::string> length = headers_.find("Content-Length");
  if (length && !chunked) length_ = parse_number(*length);
  if (!head_only_ && (status_ == 204 || status_ == 304)) length_ = 0;
  const std::lock_guard lock(mutex_);
  head_done_ = true;
  changed_.notify_all();
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.touch();
    return transfer.receive(stave::as_bytes({data, size * count}));
  } catch (...) {
    return 0;
  }
}

std::size_t Transfer::discard(std::size_t count) {
  discarded_ += count;
  received_ += count;
  return discarded_ > discard_bytes ? 0 : count;
}

std::size_t Transfer::receive(Bytes bytes) {
  if (discarding_) return discard(bytes.size());
  if (ground_->bucket.empty()) {
    receive_limited_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  std::unique_lock lock(mutex_);
  if (in_.capacity() == 0) {
    whole_ = length_ && *length_ <= receive_ring;
    in_ = Ring(whole_ ? static_cast<std::size_t>(std::max<std::uint64_t>(*length_, 1)) : receive_ring);
  }
  if (in_.free() < bytes.size()) {
    if (whole_) return 0;  // more than it announced
    receive_held_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  std::size_t done = 0;
  while (done < bytes.size()) {
    const MutableBytes room = in_.room();
    const std::size_t n = std::min(room.size(), bytes.size() - done);
    lock.unlock();
    std::memcpy(room.data(), bytes.data() + done, n);
    lock.lock();
    in_.put(n);
    done += n;
  }
  received_ += done;
  ground_->bucket.take(done);
  const bool wake = reader_waits_ && in_.size() >= worth_waking;
  lock.unlock();
  if (wake) changed_.notify_all();
  return done;
}

std::size_t Transfer::on_send(char* out, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  try {
    transfer.touch();
    return transfer.send(std::as_writable_bytes(std::span(out, size * count)));
  } catch (...) {
    return CURL_READFUNC_ABORT;
  }
}

std::size_t Transfer::send(MutableBytes out) {
  if (ground_->bucket.empty()) {
    send_limited_ = true;
    return CURL_READFUNC_PAUSE;
  }
  // A whole buffer at a time would make small rates jump.
  if (ground_->bucket.limits()) out = out.first(std::min<std::size_t>(out.size(), 16 * 1024));
  std::unique_lock lock(mutex_);
  if (sent_ == stream_size_) return 0;
  const Bytes held = out_.held();
  if (held.empty() || head_done_) {
    send_held_ = true;
    return CURL_READFUNC_PAUSE;
  }
  const std::size_t n = std::min(held.size(), out.size());
  lock.unlock();
  std::memcpy(out.data(), held.data(), n);
  lock.lock();
  out_.take(n);
  sent_ += n;
  ground_->bucket.take(n);
  const bool wake = feeder_waits_ && out_.free() >= std::min(worth_waking, out_.capacity());
  lock.unlock();
  if (wake) changed_.notify_all();
  return n;
}

// A connection that was kept can turn out to be dead when the first bytes are sent: then curl begins again on
// a new one, if it can have those bytes once more.
int Transfer::on_seek(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::lock_guard lock(transfer.mutex_);
  if (offset != 0 || origin != SEEK_SET || !transfer.out_.rewind(transfer.fed_ == transfer.stream_size_)) {
    return CURL_SEEKFUNC_CANTSEEK;
  }
  transfer.sent_ = 0;
  return CURL_SEEKFUNC_OK;
}

}  // namespace stave::http
