// Call: one request on its way through the API layer, and the ways to answer it. Private to core/api.
//
// Threads: the network thread; what verbs answer elsewhere comes back by Call::on_network().
// Ownership: shared by the callbacks it waits for.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/api/api.hpp"
#include "core/api/negotiate.hpp"
#include "core/api/observe.hpp"
#include "core/api/overdue.hpp"
#include "core/api/request_info.hpp"
#include "core/audit/record.hpp"
#include "core/kinds/protobuf/protobuf.hpp"

namespace keelson::fairness {
class Turn;   // core/fairness/fairness.hpp
}

namespace keelson::api {

struct Core;   // core/api/core.hpp: what all calls share

class Call : public std::enable_shared_from_this<Call> {
 public:
  Call(Core& core, http::Request request, std::shared_ptr<http::Responder> responder);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Core& core;
  http::Request request;
  std::shared_ptr<http::Responder> responder;
  Query query;
  RequestInfo info;
  verbs::Context context;
  kinds::KindRef kind;         ///< of a resource request
  Form form;
  bool form_settled = false;
  std::vector<std::string> warnings;
  std::unique_ptr<audit::Record> record;   ///< null: the request is not audited
  std::shared_ptr<fairness::Turn> turn;    ///< null: the request is not held to any limit

  verbs::Target target() const;
  /// Wraps a verb's completion: `work(call, result)` runs on the network thread, errors are answered.
  template <class T, class Work>
  auto then(Work work) {
    return [self = shared_from_this(), work = std::move(work)](base::Outcome<T> outcome) {
      if (self->responder->here()) return self->settle(outcome, work);
      // Shared: a std::function must be copyable, an outcome need not be.
      self->responder->post([self, work, held = std::make_shared<base::Outcome<T>>(std::move(outcome))] { self->settle(*held, work); });
    };
  }

  void fail(const base::Error& error);
  void status(int code, std::string_view json_text);
  void text(int code, std::string text);
  /// JSON text in the negotiated encoding (YAML, protobuf, pretty).
  void json(int code, std::string json_text);
  void object(int code, const store::ObjectRef& object);
  /// The object is what is stored under its revision (no dry run, no Scale): its encodings are shared.
  void stored_object(int code, const store::ObjectRef& object);
  void send(int code, std::string content_type, std::unique_ptr<http::Payload> payload, http::Headers more = {});
  /// The headers every answer has.
  http::Headers headers() const;
  /// Marks a stream (watch, log, exec): counted apart, no request deadline.
  void long_running();
  bool answered() const { return answered_; }
  bool streams() const { return watching_.long_running; }
  /// Waits for its answer no longer than its deadline allows.
  void bound();
  /// The deadline is over: 504, unless the answer was found or has no end.
  void overdue();
  std::function<void(int)> finisher();

 private:
  template <class T, class Work>
  void settle(base::Outcome<T>& outcome, const Work& work) { outcome ? work(shared_from_this(), std::move(*outcome)) : refuse(outcome.error()); }
  /// Of what a verb refused, with what it warned of before.
  void refuse(const base::Error& error);
  void ended(int status);
  Form settled_form() const;
  void protobuf(int code, const std::shared_ptr<const kinds::ProtobufObject>& encoded);
  std::shared_ptr<Observer> observer_;
  std::shared_ptr<Overdue> overdue_;   // while it waits for the deadline
  Observation watching_;
  bool ended_ = false, answered_ = false;
};

}  // namespace keelson::api
