#include "core/http/exchange.hpp"

namespace keelson::http {

template <class Work>
void Exchange::on_connection(Work work) {
  const auto net = net_.lock();
  if (!net) return;
  if (net->here()) {
    if (const auto alive = connection_.lock()) work(*alive);
    return;
  }
  // Shared: a std::function must be copyable, an answer is not.
  net->post([connection = connection_, shared = std::make_shared<Work>(std::move(work))] {
    if (const auto alive = connection.lock()) (*shared)(*alive);
  });
}

bool Exchange::here() const {
  const auto net = net_.lock();
  return net && net->here();
}

void Exchange::send(Response response) {
  if (answered_.exchange(true)) return;
  on_connection([response = std::move(response), id = id_](Exchanges& connection) mutable { connection.answer(id, std::move(response)); });
}

void Exchange::tunnel(Tunnel tunnel) {
  if (answered_.exchange(true)) return;
  on_connection([tunnel = std::move(tunnel), id = id_](Exchanges& connection) mutable { connection.tunnel(id, std::move(tunnel)); });
}

void Exchange::wake() {
  if (waking_.exchange(true)) return;
  auto net = net_.lock();
  if (!net) return;
  // Never at once: a wake-up may come from inside a pull.
  net->post([self = shared_from_this()] {
    self->waking_ = false;
    if (auto connection = self->connection_.lock(); connection && !self->gone()) connection->woken(self->id_);
  });
}

void Exchange::post(std::function<void()> work) {
  auto net = net_.lock();
  if (!net) return;
  if (net->here()) return work();
  net->post(std::move(work));
}

Exchange::~Exchange() {
  auto net = net_.lock();
  if (answered_ || gone() || !net) return;
  net->post([connection = connection_, id = id_] {
    auto alive = connection.lock();
    if (!alive) return;
    Response response;
    response.status = 500;
    response.content_type = "text/plain; charset=utf-8";
    response.payload = text_payload("This request caused apiserver to panic. Look in the logs for details.");
    alive->answer(id, std::move(response));
  });
}

}  // namespace keelson::http
