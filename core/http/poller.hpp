// Poller: readiness of many sockets, by a set of its own that an io_context waits for. Asio asks the kernel anew for each wait;
// here a socket is registered once, by its edges, and costs no further call.
//
// Invariants: whoever is added is told of what is ready then, and of each change to ready after it has taken or filled all that there was.
//   Nobody is told after remove(). Threads: the one that runs the io_context. Ownership: sockets stay their owners'.
#pragma once
#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace keelson::http {

/// Whoever has a socket in a Poller.
class Pollable {
 public:
  virtual void ready(bool readable, bool writable) = 0;

 protected:
  ~Pollable() = default;
};

class Poller {
 public:
  explicit Poller(boost::asio::io_context& context);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  /// False: the system has no room for it.
  bool add(int socket, Pollable& owner);
  void remove(int socket, const Pollable& owner);

 private:
  static constexpr int kEventsMax = 128;   // told in a row, before others have their turn
  void wait();
  void tell();

  boost::asio::posix::stream_descriptor set_;
  std::array<epoll_event, kEventsMax> events_{};
  int told_ = 0, count_ = 0;
};

}  // namespace keelson::http
