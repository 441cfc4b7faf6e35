// SPDY/3.1 as far as a container runtime's streaming server speaks it: streams that the client opens, data both ways, ends.
//
// Invariants: control frames are at most kSpdyControlBytesMax, a longer one breaks the connection; data frames of any size pass
//   through as they come. There are no windows: neither the runtimes nor their clients keep any, TCP is the back pressure.
//   Header blocks are compressed without the protocol's preset dictionary, which the format leaves to the sender; those of the
//   server say nothing that is needed and are not unpacked.
// Threads: one.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson::http {

inline constexpr std::size_t kSpdyControlBytesMax = 64u << 10;

/// Frames of the side that opened the connection. Every call appends one to `out`.
class SpdyWriter {
 public:
  using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
  SpdyWriter();
  ~SpdyWriter();
  /// The new stream's number. Names of headers are in lower case.
  std::uint32_t open(std::string& out, const Headers& headers);

 private:
  struct Deflate;
  std::unique_ptr<Deflate> deflate_;
  std::uint32_t next_ = 1;   // streams of a client are odd
};

/// `last` ends our half of the stream.
void spdy_data(std::string& out, std::uint32_t stream, std::string_view bytes, bool last);
void spdy_ping(std::string& out, std::uint32_t id);

/// Hears what the server says.
class SpdyListener {
 public:
  virtual ~SpdyListener() = default;
  virtual void data(std::uint32_t stream, std::string_view bytes) = 0;
  /// No more data comes on it: ended, or `reset`.
  virtual void ended(std::uint32_t stream, bool reset) = 0;
  virtual void ping(std::uint32_t id) = 0;
};

class SpdyReader {
 public:
  /// False: this is not SPDY/3.
  bool feed(std::string_view bytes, SpdyListener& listener);

 private:
  bool begin_frame();
  bool end_control(SpdyListener& listener);

  std::string head_, control_;
  bool in_body_ = false, is_control_ = false, last_ = false;
  std::uint32_t stream_ = 0;   // of a data frame
  std::uint16_t type_ = 0;     // of a control frame
  std::size_t left_ = 0;       // of the body
};

}  // namespace keelson::http
