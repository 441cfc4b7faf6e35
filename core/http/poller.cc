#include "core/http/poller.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace keelson::http {

Poller::Poller(boost::asio::io_context& context) : set_(context) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  if (set < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  set_.assign(set);
  wait();
}

bool Poller::add(int socket, Pollable& owner) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &owner;
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, socket, &event) == 0;
}

// What was fetched with others, and not told yet, is not told to it either.
void Poller::remove(int socket, const Pollable& owner) {
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
  for (int i = told_; i < count_; ++i)
    if (events_[static_cast<std::size_t>(i)].data.ptr == &owner) events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
}

void Poller::wait() {
  set_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code error) {
    if (error) return;
    tell();
    wait();
  });
}

void Poller::tell() {
  count_ = std::max(::epoll_wait(set_.native_handle(), events_.data(), kEventsMax, 0), 0);
  for (told_ = 0; told_ < count_;) {
    const auto& event = events_[static_cast<std::size_t>(told_++)];
    constexpr auto kEnded = EPOLLERR | EPOLLHUP;
    if (auto* const owner = static_cast<Pollable*>(event.data.ptr))
      owner->ready((event.events & (EPOLLIN | EPOLLRDHUP | kEnded)) != 0, (event.events & (EPOLLOUT | kEnded)) != 0);
  }
  count_ = told_ = 0;
}

}  // namespace keelson::http
