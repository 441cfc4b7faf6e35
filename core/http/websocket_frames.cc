#include "core/http/websocket_frames.hpp"

#include <algorithm>

namespace keelson::http {
namespace {

constexpr unsigned char kLast = 0x80, kMasked = 0x80, kReserved = 0x70;
constexpr unsigned char kContinued = 0, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;
constexpr std::size_t kControlBytesMax = 125;
constexpr std::size_t kMaskBytes = 4;

/// Bytes of the extended length behind the second byte.
std::size_t length_bytes(unsigned char second) {
  const auto size = second & 0x7f;
  return size < 126 ? 0 : size == 126 ? 2 : 8;
}

}  // namespace

std::string websocket_frame_head(unsigned char operation, std::size_t size) {
  std::string head(1, static_cast<char>(kLast | operation));
  const int bytes = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  head += static_cast<char>(bytes == 0 ? size : bytes == 2 ? 126 : 127);
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) head += static_cast<char>(size >> shift & 0xff);
  return head;
}

std::string websocket_binary(std::string_view bytes) { return websocket_frame_head(kBinary, bytes.size()).append(bytes); }

std::string websocket_close(WebSocketCode code) {
  const auto number = static_cast<std::uint16_t>(code);
  return websocket_frame_head(kClose, 2) + static_cast<char>(number >> 8) + static_cast<char>(number & 0xff);
}

WebSocketReader::State WebSocketReader::feed(std::string_view bytes, std::string& data, std::string& reply) {
  struct Joined final : WebSocketListener {
    explicit Joined(std::string& data) : data(data) {}
    void message_begins() override {}
    void message_part(std::string_view part) override { data += part; }
    std::string& data;
  } joined(data);
  return feed(bytes, joined, reply);
}

WebSocketReader::State WebSocketReader::feed(std::string_view bytes, WebSocketListener& listener, std::string& reply) {
  while (state_ == State::open && (!bytes.empty() || (in_payload_ && left_ == 0))) {
    if (!in_payload_) {
      bytes.remove_prefix(read_head(bytes));
      if (head_size_ >= 2 && !head_makes_sense()) {
        fail(reply);
        break;
      }
      if (head_size_ < 2 || head_size_ < 2 + length_bytes(head_[1]) + kMaskBytes) continue;
      begin_payload();
      if (!control() && operation_ != kContinued) listener.message_begins();
    }
    bytes.remove_prefix(read_payload(bytes, listener));
    if (left_ > 0) continue;
    in_payload_ = false;
    head_size_ = 0;
    if (control()) end_control(reply);
  }
  return state_;
}

// As much of a frame's head as is there; its second byte tells how long it is.
std::size_t WebSocketReader::read_head(std::string_view bytes) {
  const auto wanted = head_size_ < 2 ? 2 : 2 + length_bytes(head_[1]) + kMaskBytes;
  const auto count = std::min(bytes.size(), wanted - head_size_);
  std::copy_n(bytes.begin(), count, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
  head_size_ += count;
  return count;
}

bool WebSocketReader::head_makes_sense() const {
  const unsigned char operation = head_[0] & 0x0f;
  if ((head_[0] & kReserved) || !(head_[1] & kMasked)) return false;
  if (operation & 8) return operation <= kPong && (head_[0] & kLast) && (head_[1] & 0x7f) <= kControlBytesMax;
  return operation <= kBinary;
}

void WebSocketReader::begin_payload() {
  operation_ = head_[0] & 0x0f;
  const auto extra = length_bytes(head_[1]);
  left_ = extra == 0 ? head_[1] & 0x7fu : 0;
  for (std::size_t i = 0; i < extra; ++i) left_ = left_ << 8 | head_[2 + i];
  std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(2 + extra), kMaskBytes, mask_.begin());
  mask_at_ = 0;
  in_payload_ = true;
  control_.clear();
}

std::size_t WebSocketReader::read_payload(std::string_view bytes, WebSocketListener& listener) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), left_));
  part_.assign(bytes.substr(0, count));
  for (auto& byte : part_) byte = static_cast<char>(static_cast<unsigned char>(byte) ^ mask_[mask_at_++ % kMaskBytes]);
  left_ -= count;
  if (control()) control_ += part_;
  else if (!part_.empty()) listener.message_part(part_);
  return count;
}

void WebSocketReader::end_control(std::string& reply) {
  if (operation_ == kPing) reply += websocket_frame_head(kPong, control_.size()) + control_;
  if (operation_ != kClose) return;
  reply += websocket_close(WebSocketCode::normal);
  state_ = State::closed;
}

void WebSocketReader::fail(std::string& reply) {
  reply += websocket_close(WebSocketCode::protocol_error);
  state_ = State::closed;
}

}  // namespace keelson::http
