#include "core/http/spdy.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>

namespace keelson::http {
namespace {

constexpr std::size_t kHeadBytes = 8;
constexpr std::uint32_t kControl = 0x80000000u, kVersion = 3;
constexpr std::uint32_t kLengthMax = 0xffffff;
constexpr unsigned char kFin = 1;
enum Type : std::uint16_t { kSynStream = 1, kSynReply = 2, kReset = 3, kPing = 6, kGoAway = 7, kHeaders = 8 };

void put32(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xff);
}

std::uint32_t get32(std::string_view bytes, std::size_t at) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

void put_head(std::string& out, std::uint32_t first, unsigned char flags, std::size_t length) {
  put32(out, first);
  put32(out, static_cast<std::uint32_t>(flags) << 24 | static_cast<std::uint32_t>(length));
}

}  // namespace

struct SpdyWriter::Deflate {
  Deflate() {
    if (deflateInit(&stream, Z_DEFAULT_COMPRESSION) != Z_OK) throw std::bad_alloc();
  }
  ~Deflate() { deflateEnd(&stream); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  // One compression context for all blocks of a connection, each ended so that it can be read at once.
  std::string block(std::string plain) {
    std::string out;
    std::array<unsigned char, 512> piece;
    stream.next_in = reinterpret_cast<unsigned char*>(plain.data());
    stream.avail_in = static_cast<unsigned>(plain.size());
    do {
      stream.next_out = piece.data();
      stream.avail_out = piece.size();
      deflate(&stream, Z_SYNC_FLUSH);
      out.append(reinterpret_cast<const char*>(piece.data()), piece.size() - stream.avail_out);
    } while (stream.avail_out == 0);
    return out;
  }
  z_stream stream{};
};

SpdyWriter::SpdyWriter() : deflate_(std::make_unique<Deflate>()) {}
SpdyWriter::~SpdyWriter() = default;

std::uint32_t SpdyWriter::open(std::string& out, const Headers& headers) {
  std::string plain;
  put32(plain, static_cast<std::uint32_t>(headers.size()));
  for (const auto& [name, value] : headers)
    for (const auto text : {name, value}) {
      put32(plain, static_cast<std::uint32_t>(text.size()));
      plain += text;
    }
  const auto block = deflate_->block(std::move(plain));
  const auto stream = std::exchange(next_, next_ + 2);
  static constexpr std::size_t kFixedBytes = 10;   // the stream, its parent, priority and slot
  put_head(out, kControl | kVersion << 16 | kSynStream, 0, kFixedBytes + block.size());
  put32(out, stream);
  put32(out, 0);
  out.append(2, '\0');
  out += block;
  return stream;
}

void spdy_data(std::string& out, std::uint32_t stream, std::string_view bytes, bool last) {
  while (bytes.size() > kLengthMax) {
    put_head(out, stream, 0, kLengthMax);
    out += bytes.substr(0, kLengthMax);
    bytes.remove_prefix(kLengthMax);
  }
  put_head(out, stream, last ? kFin : 0, bytes.size());
  out += bytes;
}

void spdy_ping(std::string& out, std::uint32_t id) {
  put_head(out, kControl | kVersion << 16 | kPing, 0, 4);
  put32(out, id);
}

bool SpdyReader::feed(std::string_view bytes, SpdyListener& listener) {
  while (!bytes.empty()) {
    if (!in_body_) {
      const auto count = std::min(bytes.size(), kHeadBytes - head_.size());
      head_ += bytes.substr(0, count);
      bytes.remove_prefix(count);
      if (head_.size() < kHeadBytes) return true;
      if (!begin_frame()) return false;
    }
    const auto count = std::min(bytes.size(), left_);
    if (is_control_) control_ += bytes.substr(0, count);
    else if (count > 0) listener.data(stream_, bytes.substr(0, count));
    bytes.remove_prefix(count);
    left_ -= count;
    if (left_ > 0) return true;
    in_body_ = false;
    if (is_control_ ? !end_control(listener) : false) return false;
    if (!is_control_ && last_) listener.ended(stream_, false);
  }
  return true;
}

bool SpdyReader::begin_frame() {
  const auto first = get32(head_, 0), second = get32(head_, 4);
  head_.clear();
  control_.clear();
  in_body_ = true;
  is_control_ = (first & kControl) != 0;
  last_ = (second >> 24 & kFin) != 0;
  left_ = second & kLengthMax;
  if (!is_control_) {
    stream_ = first;
    return true;
  }
  type_ = static_cast<std::uint16_t>(first & 0xffff);
  return (first >> 16 & 0x7fff) == kVersion && left_ <= kSpdyControlBytesMax;
}

bool SpdyReader::end_control(SpdyListener& listener) {
  const bool names_stream = type_ == kSynReply || type_ == kReset || type_ == kHeaders;
  if (!names_stream && type_ != kPing) return true;   // streams of the server, settings: nothing that we use
  if (control_.size() < 4) return false;
  const auto number = get32(control_, 0);
  if (type_ == kPing) listener.ping(number);
  else if (type_ == kReset || last_) listener.ended(number & ~kControl, type_ == kReset);
  return true;
}

}  // namespace keelson::http
