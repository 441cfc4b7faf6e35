// GrpcClient: gRPC calls over one HTTP/2 connection on a unix socket, without TLS, compression or retries: what a container
// runtime on the same machine needs.
//
// Threads: start() and close() from any thread. The client's one thread, made with the first call, does all I/O and runs the
//   calls' functions, which must not wait.
// Invariants: `done` runs exactly once for each call, as its last function; after close() on the caller's thread. A call that
//   finds no connection makes one; a lost connection ends its calls with `unavailable`.
// Ownership: close() (and the destructor) cancels what is under way and returns when all of it has ended.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace keelson::node {

inline constexpr std::size_t kGrpcMessageBytesMax = 16u << 20;

/// Those of gRPC's codes that the client itself gives or that its user looks for; any other number can come too.
enum class GrpcCode { ok = 0, cancelled = 1, unknown = 2, deadline_exceeded = 4, not_found = 5, resource_exhausted = 8, unimplemented = 12, internal = 13, unavailable = 14 };

struct GrpcStatus {
  GrpcCode code = GrpcCode::ok;
  std::string message;
};

struct GrpcCall {
  std::string method;                             ///< "/package.Service/Method"
  std::string request;                            ///< the message's bytes
  std::chrono::milliseconds timeout{0};           ///< 0: none
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string authority = "localhost", agent = "keelson";
  std::function<void()> up;                       ///< may be empty; the server has got the call
  std::function<void(std::string)> message;       ///< each answer's bytes
  std::function<void(const GrpcStatus&)> done;
};

class GrpcClient {
 public:
  explicit GrpcClient(std::string socket_path);
  ~GrpcClient();
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  void start(GrpcCall call);
  void close();

 private:
  void run();
  void wake() const;

  const std::string socket_path_;
  int wake_ = -1;   // eventfd
  std::mutex mutex_;
  std::vector<GrpcCall> starting_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace keelson::node
