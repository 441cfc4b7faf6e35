// Taking and letting go of objects by their controller reference; other owners of theirs stay as they are.
//
// Pure functions over metadata; no I/O.
#pragma once
#include <algorithm>
#include <string>

#include <keelson/kinds/meta_v1.hpp>

namespace deployment {

template <class Owner>
keelson::meta_v1::OwnerReference controller_reference(const Owner& owner) {
  keelson::meta_v1::OwnerReference reference;
  reference.apiVersion = std::string(Owner::gvk.group) + "/" + std::string(Owner::gvk.version);
  reference.kind = Owner::gvk.kind;
  reference.name = owner.meta.name;
  reference.uid = owner.meta.uid;
  reference.controller = true;
  reference.blockOwnerDeletion = true;
  return reference;
}

inline void release_from(keelson::meta_v1::ObjectMeta& meta, const std::string& owner_uid) {
  std::erase_if(meta.ownerReferences, [&](const auto& owner) { return owner.uid == owner_uid; });
}

template <class Owner>
void adopt_by(keelson::meta_v1::ObjectMeta& meta, const Owner& owner) {
  release_from(meta, owner.meta.uid);
  meta.ownerReferences.push_back(controller_reference(owner));
}

}  // namespace deployment
