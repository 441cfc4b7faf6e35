// RemoteVerbs: the verbs over HTTPS: reads come from the mirror, which is made to cover what is asked for; writes go to the
// server, and their results into the mirror before the writer hears of them.
//
// Invariants: a read after a write of this process is at least as new as it. What the server does not offer (several writes
//   in one step, watches by this door) is a 501 that says so; nothing is half done.
// Threads: any. Ownership: as Verbs; the parts outlive it.
#pragma once
#include "core/remote/client.hpp"
#include "core/remote/informers.hpp"
#include "core/remote/mirror.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::remote {

class RemoteVerbs final : public verbs::Verbs {
 public:
  /// `may_write`: asked before each write is sent; one that may not be is answered 503.
  RemoteVerbs(Client& client, Mirror& mirror, Informers& informers, kinds::Registry& registry, std::function<bool()> may_write)
      : client_(client), mirror_(mirror), informers_(informers), registry_(registry), may_write_(std::move(may_write)) {}

  void get(const verbs::Context&, verbs::Target, verbs::ReadOptions, std::function<void(base::Outcome<store::ObjectRef>)>) override;
  void list(const verbs::Context&, verbs::Target, verbs::ListOptions, std::function<void(base::Outcome<verbs::Listed>)>) override;
  void create(const verbs::Context&, verbs::Target, verbs::Body, verbs::WriteOptions, verbs::OnWritten) override;
  void update(const verbs::Context&, verbs::Target, verbs::Body, verbs::WriteOptions, verbs::OnWritten) override;
  void patch(const verbs::Context&, verbs::Target, kinds::PatchType, verbs::Body, verbs::WriteOptions, verbs::OnWritten) override;
  void remove(const verbs::Context&, verbs::Target, verbs::DeleteOptions, verbs::OnWritten) override;
  void remove_collection(const verbs::Context&, verbs::Target, verbs::ListOptions, verbs::DeleteOptions, std::function<void(base::Outcome<verbs::Listed>)>) override;
  base::Outcome<std::unique_ptr<watch::Watch>> watch(const verbs::Context&, verbs::Target, watch::WatchRequest, watch::WatchSink&) override;
  void transact(const verbs::Context&, std::vector<Step>, std::vector<store::Expectation>, std::function<void(base::Outcome<std::vector<verbs::Written>>)>) override;
  base::Outcome<boost::json::value> decoded(const kinds::Kind&, const store::Object&, boost::json::storage_ptr) override;

 private:
  void get_live(const verbs::Target& target, std::function<void(base::Outcome<store::ObjectRef>)> done);
  void send_write(Request request, std::function<void(base::Outcome<Answer>)> done);
  void write(verbs::Target target, Request request, bool dry_run, bool created, verbs::OnWritten done);
  base::Outcome<verbs::Written> written(const verbs::Target& target, base::Outcome<std::string> body, bool dry_run, bool created);
  base::Outcome<verbs::Written> taken_away(const verbs::Target& target, base::Outcome<std::string> body, bool dry_run);
  kinds::KindRef stored_form(const kinds::KindRef& kind) const;

  Client& client_;
  Mirror& mirror_;
  Informers& informers_;
  kinds::Registry& registry_;
  const std::function<bool()> may_write_;
};

}  // namespace keelson::remote
