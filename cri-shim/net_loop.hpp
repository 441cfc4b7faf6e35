// NetLoop: one thread's epoll loop with timers, for probes and HTTP hooks: any number of connections, no thread each.
//
// Threads: at(), post(), request() and stop() from any thread; run() on one, which also runs all callbacks.
// Invariants: each request's callback runs exactly once unless the loop is stopped first; stop() drops what is pending.
// Times: nanoseconds of the clock given to the constructor.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grpc_client.hpp"

namespace keelson::node {

struct NetRequest {
  std::string address;         ///< numeric
  int port = 0;
  bool tcp_only = false;       ///< success is a connection
  bool tls = false;            ///< the certificate is not checked: probes ask whether it answers, not who it is
  std::string path = "/";
  std::string grpc_method, grpc_message;   ///< set: a gRPC call in place of HTTP
  std::vector<std::pair<std::string, std::string>> headers;
  std::int64_t deadline_ns = 0;
};

struct NetResult {
  int status = 0;              ///< HTTP status, 0 when there was none
  bool connected = false;
  bool timed_out = false;
  std::string error;           ///< "" = none
  GrpcStatus grpc = {};        ///< of the call, when it had an answer
  std::string grpc_answer = {};
};

class NetLoop {
 public:
  using Callback = std::function<void(const NetResult&)>;
  explicit NetLoop(std::function<std::int64_t()> monotonic_ns);
  ~NetLoop();
  NetLoop(const NetLoop&) = delete;
  NetLoop& operator=(const NetLoop&) = delete;

  void post(std::function<void()> work) { at(0, std::move(work)); }
  void at(std::int64_t deadline_ns, std::function<void()> work);
  void request(NetRequest request, Callback done);
  void run();
  void stop();
  std::int64_t now() const { return now_(); }

 private:
  struct Connection;
  void begin(NetRequest request, Callback done);
  void advance(Connection& connection);
  void finish(int fd, NetResult result);
  int wait_ms() const;
  void run_due();
  void expire();

  std::function<std::int64_t()> now_;
  int epoll_ = -1, wake_ = -1;
  mutable std::mutex mutex_;
  std::multimap<std::int64_t, std::function<void()>> timers_;
  bool stopped_ = false;
  std::map<int, std::unique_ptr<Connection>> connections_;   // loop thread only
};

}  // namespace keelson::node
