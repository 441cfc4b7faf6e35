#include "core/verbs/audited.hpp"

#include <algorithm>
#include <atomic>

#include "core/verbs/step.hpp"

namespace keelson::verbs {
namespace {

constexpr int kOk = 200, kCreated = 201;

/// A record is the call's, whose callback std::function copies.
using RecordRef = std::shared_ptr<audit::Record>;

std::string path_of(const Target& target) {
  const auto& kind = *target.kind;
  std::string path = kind.group.empty() ? "/api/" : "/apis/" + kind.group + "/";
  path += kind.version;
  if (kind.namespaced && !target.ns.empty()) path += "/namespaces/" + target.ns;
  path += "/" + kind.resource;
  if (!target.name.empty()) path += "/" + target.name;
  if (!target.subresource.empty()) path += "/" + target.subresource;
  return path;
}

bool keeps(const audit::Plan& plan) { return plan.level != audit::Level::none; }

auth::Attributes attributes_of(const Context& context, const Target& target, std::string_view verb) {
  auth::Attributes out;
  out.user = &context.user;
  out.verb = verb;
  out.group = target.kind->group;
  out.version = target.kind->version;
  out.resource = target.kind->resource;
  out.subresource = target.subresource;
  out.ns = target.kind->namespaced ? target.ns : std::string();
  out.name = target.name;
  return out;
}

void note_failure(audit::Record& record, const base::Error& error) {
  record.code = error.code;
  record.status = "Failure";
  record.reason = error.reason;
  // What is wrong with a body may quote it.
  const bool quotes = record.secret() && !record.keeps_response() && (error.code == 400 || error.code == 422);
  record.message = quotes ? std::string() : error.message;
}

void note_success(audit::Record& record, const Written& written) {
  record.code = written.created ? kCreated : kOk;
  if (!written.object) return;
  if (record.subresource.empty()) {
    record.name = written.object->key().name;
    record.uid = written.object->columns().uid;
  }
  if (record.keeps_response()) record.response.object = written.object;
}

class Audited final : public Verbs {
 public:
  Audited(Verbs& verbs, std::shared_ptr<audit::Audit> audit) : verbs_(verbs), audit_(std::move(audit)) {}

  void get(const Context& context, Target target, ReadOptions options, std::function<void(base::Outcome<store::ObjectRef>)> done) override {
    verbs_.get(context, std::move(target), options, std::move(done));
  }
  void list(const Context& context, Target target, ListOptions options, std::function<void(base::Outcome<Listed>)> done) override {
    verbs_.list(context, std::move(target), std::move(options), std::move(done));
  }
  base::Outcome<std::unique_ptr<watch::Watch>> watch(const Context& context, Target target, watch::WatchRequest request, watch::WatchSink& sink) override {
    return verbs_.watch(context, std::move(target), std::move(request), sink);
  }
  base::Outcome<boost::json::value> decoded(const kinds::Kind& kind, const store::Object& object, boost::json::storage_ptr memory) override {
    return verbs_.decoded(kind, object, std::move(memory));
  }

  void create(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) override {
    const auto record = begin(context, target, "create", &body);
    if (!record) return verbs_.create(context, std::move(target), std::move(body), options, std::move(done));
    verbs_.create(told(context, record), std::move(target), std::move(body), options, ending(record, std::move(done)));
  }
  void update(const Context& context, Target target, Body body, WriteOptions options, OnWritten done) override {
    const auto record = begin(context, target, "update", &body);
    if (!record) return verbs_.update(context, std::move(target), std::move(body), options, std::move(done));
    verbs_.update(told(context, record), std::move(target), std::move(body), options, ending(record, std::move(done)));
  }
  void patch(const Context& context, Target target, kinds::PatchType type, Body body, WriteOptions options, OnWritten done) override {
    const auto record = begin(context, target, "patch", &body);
    if (!record) return verbs_.patch(context, std::move(target), type, std::move(body), options, std::move(done));
    verbs_.patch(told(context, record), std::move(target), type, std::move(body), options, ending(record, std::move(done)));
  }
  // They stay together where nothing is kept of any.
  void write_distinct(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done) override {
    const auto plans = plans_of(context, alike, writes);
    if (std::none_of(plans.begin(), plans.end(), keeps)) return verbs_.write_distinct(context, std::move(alike), std::move(writes), std::move(done));
    for (std::size_t place = 0; place < writes.size(); ++place) {
      alike.target.ns = writes[place].ns;
      alike.target.name = writes[place].name;
      const Body body{kinds::Media::json, writes[place].body};
      const auto record = begin(plans[place], context, attributes_of(context, alike.target, verb_of(alike.op)), alike.target, &body);
      OnWritten answer = [done, place](base::Outcome<Written> written) { done(place, std::move(written)); };
      if (record) answer = ending(record, std::move(answer));
      verbs_.write_distinct(record ? told(context, record) : context, alike, {std::move(writes[place])}, [answer = std::move(answer)](std::size_t, base::Outcome<Written> written) { answer(std::move(written)); });
    }
  }
  void remove(const Context& context, Target target, DeleteOptions options, OnWritten done) override {
    const auto record = begin(context, target, "delete", nullptr);
    if (!record) return verbs_.remove(context, std::move(target), std::move(options), std::move(done));
    verbs_.remove(told(context, record), std::move(target), std::move(options), ending(record, std::move(done)));
  }
  void remove_collection(const Context& context, Target target, ListOptions which, DeleteOptions options, std::function<void(base::Outcome<Listed>)> done) override {
    const auto record = begin(context, target, "deletecollection", nullptr);
    if (!record) return verbs_.remove_collection(context, std::move(target), std::move(which), std::move(options), std::move(done));
    verbs_.remove_collection(told(context, record), std::move(target), std::move(which), std::move(options), [audit = audit_, record, done = std::move(done)](base::Outcome<Listed> listed) {
      if (listed) record->code = kOk;
      else note_failure(*record, listed.error());
      audit->at(audit::Stage::response_complete, *record);
      done(std::move(listed));
    });
  }
  void transact(const Context& context, std::vector<Step> steps, std::vector<store::Expectation> expectations, std::function<void(base::Outcome<std::vector<Written>>)> done) override {
    std::vector<RecordRef> records;
    RecordRef kept;
    for (const auto& step : steps) {
      records.push_back(begin(context, step.target, verb_of(step.op), step.op == Step::Op::remove ? nullptr : &step.body));
      if (!records.back()) continue;
      if (kept) records.back()->notes = kept->notes;   // one decision for all
      else kept = records.back();
    }
    if (!kept) return verbs_.transact(context, std::move(steps), std::move(expectations), std::move(done));
    verbs_.transact(told(context, kept), std::move(steps), std::move(expectations), [audit = audit_, records = std::move(records), done = std::move(done)](base::Outcome<std::vector<Written>> written) {
      for (std::size_t i = 0; i < records.size(); ++i) {
        if (!records[i]) continue;
        if (!written) note_failure(*records[i], written.error());
        else note_success(*records[i], (*written)[i]);
        audit->at(audit::Stage::response_complete, *records[i]);
      }
      done(std::move(written));
    });
  }

 private:
  /// Null: the policy keeps nothing of it.
  RecordRef begin(const Context& context, const Target& target, std::string_view verb, const Body* body) {
    const auto asked = attributes_of(context, target, verb);
    return begin(audit_->plan(asked), context, asked, target, body);
  }
  RecordRef begin(const audit::Plan& plan, const Context& context, const auth::Attributes& asked, const Target& target, const Body* body) {
    if (!keeps(plan)) return nullptr;
    const auto id = context.request_id + "." + std::to_string(++writes_);
    RecordRef record = audit_->begin(plan, {asked, id, path_of(target), "", context.field_manager, ""});
    if (body && record->keeps_request()) record->request = {.media = "application/json", .bytes = body->bytes, .object = {}, .items = {}};
    return record;
  }
  std::vector<audit::Plan> plans_of(const Context& context, const Step& alike, const std::vector<Each>& writes) const {
    std::vector<audit::Plan> out;
    out.reserve(writes.size());
    auto asked = attributes_of(context, alike.target, verb_of(alike.op));
    for (const auto& write : writes) {
      if (alike.target.kind->namespaced) asked.ns = write.ns;
      asked.name = write.name;
      out.push_back(audit_->plan(asked));
    }
    return out;
  }
  static Context told(const Context& context, const RecordRef& record) {
    Context out = context;
    out.notes = record->notes;
    return out;
  }
  OnWritten ending(const RecordRef& record, OnWritten done) const {
    return [audit = audit_, record, done = std::move(done)](base::Outcome<Written> written) {
      if (written) note_success(*record, *written);
      else note_failure(*record, written.error());
      audit->at(audit::Stage::response_complete, *record);
      done(std::move(written));
    };
  }

  Verbs& verbs_;
  const std::shared_ptr<audit::Audit> audit_;
  std::atomic<std::uint64_t> writes_{0};   // tells apart the writes of one reconcile
};

}  // namespace

std::unique_ptr<Verbs> make_audited(Verbs& verbs, std::shared_ptr<audit::Audit> audit) { return std::make_unique<Audited>(verbs, std::move(audit)); }

}  // namespace keelson::verbs
