// BindRun: POST pods/<name>/binding gives a pod its node, once.
#pragma once
#include "core/verbs/step_put.hpp"

namespace keelson::verbs {

class BindRun final : public PutRun {
 public:
  using PutRun::PutRun;
  base::Outcome<Next> begin() override;
  std::optional<base::Error> mismatch(const store::ObjectRef&) override { return std::nullopt; }
  base::Outcome<Written> answer(store::ObjectRef stored) override;

 protected:
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "create"; }

 private:
  base::Outcome<json::value> read_binding();
  base::Outcome<void> check_free() const;
  void merge(const json::value& binding, std::string_view field);
};

/// Sets a condition of `object` to a status without reason; its time moves only when the status does.
void set_condition(json::value& object, std::string_view type, std::string_view status, const std::string& now);

}  // namespace keelson::verbs
