// What sdk/kinds adds to the structs under `cpp`.
#include <keelson/kinds/apps_v1.hpp>
#include <keelson/kinds/core_v1.hpp>
#include <keelson/kinds/meta_v1.hpp>

namespace keelson {

std::string meta_v1::ObjectMeta::label(const std::string& key) const {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string() : found->second;
}

std::string meta_v1::ObjectMeta::annotation(const std::string& key) const {
  const auto found = annotations.find(key);
  return found == annotations.end() ? std::string() : found->second;
}

apps_v1::Deployment apps_v1::Deployment::running(std::string name, std::string image, std::int32_t replicas) {
  Deployment deployment;
  const std::map<std::string, std::string> labels{{"app", name}};
  core_v1::Container container;
  container.name = name;
  container.image = std::move(image);
  deployment.spec.template_.spec.containers.push_back(std::move(container));
  deployment.spec.template_.meta.labels = labels;
  deployment.spec.selector.emplace().matchLabels = labels;
  deployment.spec.replicas = replicas;
  deployment.meta.name = std::move(name);
  return deployment;
}

}  // namespace keelson
