#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

std::string text_of(const store::ObjectRef& object, auth::Path path) { return std::string(auth::text_at(json::parse(object->body()), path)); }

std::string claim(const std::string& name, const std::string& size, const std::string& more = "") {
  return R"({"metadata":{"name":")" + name + R"("},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":")" + size + R"("}})" + more + "}}";
}

}  // namespace

TEST_CASE("claims and ingresses without a class get the default one") {
  Cluster cluster;
  CHECK(text_of(Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", claim("before", "1Gi"))), {"spec", "storageClassName"}).empty());
  Cluster::must(cluster.create("storage.k8s.io/v1/storageclasses", "", R"({"metadata":{"name":"slow"},"provisioner":"x"})"));
  Cluster::must(cluster.create("storage.k8s.io/v1/storageclasses", "", R"({"metadata":{"name":"fast","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"x"})"));
  CHECK(text_of(Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", claim("a", "1Gi"))), {"spec", "storageClassName"}) == "fast");
  CHECK(text_of(Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", claim("b", "1Gi", R"(,"storageClassName":"slow")"))), {"spec", "storageClassName"}) == "slow");
  Cluster::must(cluster.create("networking.k8s.io/v1/ingressclasses", "", R"({"metadata":{"name":"web","annotations":{"ingressclass.kubernetes.io/is-default-class":"true"}},"spec":{"controller":"example.com/web"}})"));
  const auto made = Cluster::must(cluster.create("networking.k8s.io/v1/ingresses", "default", R"({"metadata":{"name":"i"},"spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}})"));
  CHECK(text_of(made, {"spec", "ingressClassName"}) == "web");
}

TEST_CASE("a claim grows only when its class allows it") {
  Cluster cluster;
  Cluster::must(cluster.create("storage.k8s.io/v1/storageclasses", "", R"({"metadata":{"name":"fixed"},"provisioner":"x"})"));
  Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", claim("a", "1Gi", R"(,"storageClassName":"fixed")")));
  const std::string bigger = R"({"spec":{"resources":{"requests":{"storage":"2Gi"}}}})";
  Cluster::must(cluster.patch("v1/persistentvolumeclaims/status", "default", "a", R"({"status":{"phase":"Bound"}})"));
  CHECK(holds(cluster.message(cluster.patch("v1/persistentvolumeclaims", "default", "a", bigger)), "the storageclass that provisions the pvc must support resize"));
}

TEST_CASE("claims and volumes are marked when they are made, once, beside other marks") {
  Cluster cluster;
  const auto marks = [](const store::ObjectRef& object) { return json::serialize(*auth::find(json::parse(object->body()), {"metadata", "finalizers"})); };
  const auto made = Cluster::must(cluster.create("v1/persistentvolumeclaims", "default", claim("a", "1Gi")));
  CHECK(marks(made) == R"(["kubernetes.io/pvc-protection"])");
  const std::string disk = R"(},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/tmp/a"}}})";
  CHECK(marks(Cluster::must(cluster.create("v1/persistentvolumes", "", R"({"metadata":{"name":"a","finalizers":["example.com/mine"])" + disk))) == R"(["example.com/mine","kubernetes.io/pv-protection"])");
  CHECK(marks(Cluster::must(cluster.create("v1/persistentvolumes", "", R"({"metadata":{"name":"b","finalizers":["kubernetes.io/pv-protection"])" + disk))) == R"(["kubernetes.io/pv-protection"])");
  Cluster::must(cluster.remove("v1/persistentvolumeclaims", "default", "a"));
  REQUIRE(cluster.stored("v1/persistentvolumeclaims", "default", "a"));
  CHECK(cluster.stored("v1/persistentvolumeclaims", "default", "a")->deleting());
}

TEST_CASE("a runtime class adds its overhead and where it runs") {
  Cluster cluster;
  Cluster::must(cluster.create("node.k8s.io/v1/runtimeclasses", "", R"({"metadata":{"name":"vm"},"handler":"kata","overhead":{"podFixed":{"cpu":"250m"}},"scheduling":{"nodeSelector":{"vm":"yes"}}})"));
  const auto pod = [](const std::string& name, const std::string& more) { return R"({"metadata":{"name":")" + name + R"("},"spec":{"containers":[{"name":"c","image":"i"}])" + more + "}}"; };
  const auto made = Cluster::must(cluster.create("v1/pods", "default", pod("a", R"(,"runtimeClassName":"vm")")));
  CHECK(text_of(made, {"spec", "overhead", "cpu"}) == "250m");
  CHECK(text_of(made, {"spec", "nodeSelector", "vm"}) == "yes");
  CHECK(holds(cluster.message(cluster.create("v1/pods", "default", pod("b", R"(,"runtimeClassName":"none")"))), R"(pods "b" is forbidden: pod rejected: RuntimeClass "none" not found)"));
  CHECK(holds(cluster.message(cluster.create("v1/pods", "default", pod("c", R"(,"runtimeClassName":"vm","nodeSelector":{"vm":"no"})"))), "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no"));
}

TEST_CASE("certificates are approved and signed only by those who may for the signer") {
  Cluster cluster;
  class Some final : public auth::Authorizer {
   public:
    auth::Verdict authorize(const auth::Attributes& asked) override { return {asked.verb == "approve" || asked.verb == "sign" ? auth::Decision::no_opinion : auth::Decision::allow, ""}; }
  };
  auth::AdmissionRequest request{.snapshot = cluster.store->snapshot()};
  auto chains = auth::make_chains();
  auth::add_default_admission(*chains);
  chains->add(std::make_shared<Some>());
  auth::Identity user;
  user.name = "mallory";
  request.operation = auth::AdmissionRequest::Operation::update;
  request.kind = cluster.registry->current()->find("certificates.k8s.io", "v1", "certificatesigningrequests");
  request.subresource = "approval";
  request.name = "csr";
  request.user = &user;
  json::value object = json::parse(R"({"spec":{"signerName":"example.com/s"},"status":{}})");
  request.object = &object;
  const json::value old = object;
  request.old = &old;
  std::optional<base::Outcome<void>> outcome;
  chains->admit_validate(request, [&](auto answer) { outcome = std::move(answer); });
  REQUIRE(outcome);
  REQUIRE_FALSE(outcome->has_value());
  CHECK(holds(outcome->error().message, R"(user not permitted to approve requests with signerName "example.com/s")"));
  user.groups = {"system:masters"};
  chains->admit_validate(request, [&](auto answer) { outcome = std::move(answer); });
  CHECK(outcome->has_value());
}
