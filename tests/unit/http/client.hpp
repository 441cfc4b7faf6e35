// A tiny HTTPS client for tests: raw bytes out, parsed answers in. One connection, blocking, every wait bounded.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/auth/auth.hpp"

namespace keelson::tests {

struct Answer {
  int status = 0;                              ///< 0: the connection ended without an answer
  std::map<std::string, std::string> headers;  ///< lower-case names; repeated ones joined by '\n'
  std::string body;
};

class Client {
 public:
  Client(std::uint16_t port, const std::optional<auth::KeyPair>& identity = std::nullopt);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(std::string_view bytes);
  /// Shuts the sending side down.
  void end_sending();
  Answer read_answer();
  /// One chunk of a chunked answer whose head was read by read_head(); nullopt at the end.
  Answer read_head();
  std::optional<std::string> read_chunk();
  /// Exactly or up to the end.
  std::string read_bytes(std::size_t count);
  bool ended();
  /// TLS records that were read so far.
  std::size_t records() const;
  Answer request(std::string_view method, std::string_view path, std::string_view body = {}, std::string_view more_headers = {});

 private:
  bool fill();
  std::string line();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// CA, server and client certificates made once for all tests.
struct TestKeys {
  auth::KeyPair ca, server, admin;
};
const TestKeys& test_keys();

}  // namespace keelson::tests
