#include "grpc_client.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>

#include "grpc_connection.hpp"

namespace keelson::node {
namespace {

/// For poll(): rounded up, so that what is due is due when it returns; -1 = for ever.
int wait_ms(SteadyTime until) {
  if (until == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

/// What the client's thread works on.
class Loop {
 public:
  explicit Loop(const std::string& socket_path) : socket_path_(socket_path) {}

  void start(GrpcCall call) {
    std::string error;
    if (!connection_) connection_ = GrpcConnection::open(socket_path_, error);
    if (connection_) connection_->submit(std::move(call));
    else call.done({GrpcCode::unavailable, error});
  }
  /// Until there is something to read, to write or to start, or a call's time is over.
  void wait(int wake) {
    pollfd fds[2] = {{wake, POLLIN, 0}, {-1, POLLIN, 0}};
    auto until = SteadyTime::max();
    if (connection_) {
      until = connection_->expire();
      connection_->run_due();
      fds[1] = {connection_->fd(), static_cast<short>(POLLIN | (connection_->wants_write() ? POLLOUT : 0)), 0};
    }
    ::poll(fds, 2, wait_ms(until));
    std::uint64_t count = 0;
    if (fds[0].revents != 0 && ::read(wake, &count, sizeof count) < 0) return;
    if (fds[1].revents != 0) advance((fds[1].revents & ~POLLOUT) != 0);
  }
  void advance(bool readable) {
    if (!connection_) return;
    const bool alive = (!readable || connection_->read()) && connection_->write();
    if (!alive) connection_->end_all({GrpcCode::unavailable, socket_path_ + ": the connection ended"});
    connection_->run_due();
    if (!alive) connection_.reset();
  }
  void end() {
    if (!connection_) return;
    connection_->end_all({GrpcCode::cancelled, "the client is closed"});
    connection_->run_due();
    connection_.reset();
  }

 private:
  const std::string& socket_path_;
  std::unique_ptr<GrpcConnection> connection_;
};

}  // namespace

GrpcClient::GrpcClient(std::string socket_path) : socket_path_(std::move(socket_path)), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

GrpcClient::~GrpcClient() {
  close();
  ::close(wake_);
}

void GrpcClient::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void GrpcClient::start(GrpcCall call) {
  {
    const std::lock_guard lock(mutex_);
    if (!closed_) {
      starting_.push_back(std::move(call));
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      return wake();
    }
  }
  call.done({GrpcCode::unavailable, "the client is closed"});
}

void GrpcClient::close() {
  std::thread ending;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    ending = std::move(thread_);
    wake();
  }
  if (ending.joinable()) ending.join();
}

void GrpcClient::run() {
  pthread_setname_np(pthread_self(), "container-calls");
  Loop loop(socket_path_);
  for (;;) {
    std::vector<GrpcCall> starting;
    bool closed = false;
    {
      const std::lock_guard lock(mutex_);
      starting.swap(starting_);
      closed = closed_;
    }
    for (auto& call : starting) loop.start(std::move(call));
    if (closed) return loop.end();
    loop.advance(false);
    loop.wait(wake_);
  }
}

}  // namespace keelson::node
