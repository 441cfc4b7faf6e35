// Http2Stream: one request and its answer. Private to the transport.
//
// Invariants: pieces that were pulled are sent before the payload is pulled again.
// Threads: the network thread. Ownership: its connection's.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/http/exchange.hpp"
#include "core/http/head_parser.hpp"

namespace keelson::http {

class Http2Stream {
 public:
  explicit Http2Stream(std::int32_t id) : id(id) {}

  const std::int32_t id;
  Request request;
  std::size_t header_bytes = 0;
  std::optional<ParseFailure> refused;   ///< why it is answered without being handled
  bool complete = false;                 ///< the request is
  bool answered = false;
  bool waits = false;                    ///< its payload has nothing now
  bool stopped = false;                  ///< its payload is not asked any more
  base::Monotonic since = 0;             ///< something came or went
  std::weak_ptr<Exchange> exchange;
  Response response;

  /// A header as it came.
  void take_header(std::string_view name, std::string_view value);
  /// Puts the request together when its headers are known.
  void settle_head();

  enum class Ready { some, wait, end, cut };
  /// How many bytes can be sent now, at most `most`; `end`: these are the last.
  Ready ready(std::size_t most, std::size_t& bytes);
  /// Moves `bytes` of what is ready to the end of `out`.
  void take(std::size_t bytes, std::string& out);
  bool has_pending() const { return available() > 0; }
  /// The request is over: tells whoever works on it.
  void leave();

 private:
  std::size_t available() const;
  std::string target_, authority_;
  std::vector<std::string_view> pieces_;
  std::size_t piece_ = 0, piece_at_ = 0;
  bool ended_ = false;
};

}  // namespace keelson::http
