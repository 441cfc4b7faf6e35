// Exchange: one request's Responder, from whatever thread back to the connection that it came on. Private to the transport.
//
// Invariants: the first of send() and tunnel() counts; an Exchange that is dropped without either is answered 500; after
//   leave() nothing reaches the connection.
// Threads: as Responder; leave() on the network thread.
// Ownership: the handler keeps it, the connection and its thread are known weakly.
#pragma once
#include <atomic>

#include "core/http/net_thread.hpp"

namespace keelson::http {

/// A connection of either protocol, as its requests see it. On its network thread.
class Exchanges {
 public:
  virtual ~Exchanges() = default;
  /// `request` names one of its requests; late answers to others are dropped.
  virtual void answer(std::uint64_t request, Response response) = 0;
  virtual void tunnel(std::uint64_t request, Tunnel tunnel) = 0;
  /// The payload may have something.
  virtual void woken(std::uint64_t request) = 0;
};

class Exchange final : public Responder, public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::uint64_t id, std::weak_ptr<Exchanges> connection, std::weak_ptr<NetThread> net)
      : id_(id), connection_(std::move(connection)), net_(std::move(net)) {}
  ~Exchange() override;
  void send(Response response) override;
  void tunnel(Tunnel tunnel) override;
  void wake() override;
  void post(std::function<void()> work) override;
  bool here() const override;
  bool gone() const override { return gone_.load(std::memory_order_acquire); }
  void leave() { gone_.store(true, std::memory_order_release); }

 private:
  template <class Work>
  void on_connection(Work work);

  const std::uint64_t id_;
  std::weak_ptr<Exchanges> connection_;
  std::weak_ptr<NetThread> net_;
  std::atomic<bool> gone_{false}, answered_{false}, waking_{false};
};

}  // namespace keelson::http
