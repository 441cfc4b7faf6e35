// RequestParser: HTTP/1.1 requests out of bytes, strict where leniency lets requests be smuggled. Beast does the
// grammar, its headers stay in the .cc.
//
// Invariants: a message that two readers could cut differently (both lengths, two lengths, bare LF, unknown transfer
//   coding, no Host) is refused with 400 and the connection ends; nothing after it is read.
// Threads: one. Limits: kHeaderBytesMax, kinds::kBodyBytesMax.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/http/http.hpp"

namespace keelson::http {

inline constexpr std::size_t kHeaderBytesMax = 1u << 20;

/// Why a request cannot be read; `status_json` when the answer is a Status rather than text.
struct ParseFailure {
  int status = 400;
  std::string text;
  bool status_json = false;
};

class RequestParser {
 public:
  enum class State { head, body, complete, failed };
  RequestParser();
  ~RequestParser();

  /// Reads from the front of `bytes`; returns how many were used (0: more is needed).
  std::size_t feed(std::string_view bytes);
  State state() const;
  const ParseFailure& failure() const;
  bool keep_alive() const;
  bool http10() const;
  /// The client waits for "100 Continue" (answered once).
  bool take_expects_continue();
  /// The complete request; the parser is spent.
  Request take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The answer of a server that was asked to upgrade.
struct UpgradeAnswer {
  int status = 0;                ///< 0: not known yet
  std::size_t head_bytes = 0;    ///< length of the head, when it has been read
  std::string content_type, body;
  bool complete = false;         ///< not a 101: the body is whole
};
/// Parses what came so far; nullopt: not HTTP.
std::optional<UpgradeAnswer> parse_upgrade_answer(std::string_view bytes, bool at_end);

}  // namespace keelson::http
