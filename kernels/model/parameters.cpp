#include "kernels/model/parameters.hpp"

#include <ATen/ATen.h>

namespace freshet::model {

void parameters::set(const std::string& name, at::Tensor value) {
  const auto found = index_.find(name);
  if (found != index_.end()) {
    items_[found->second].second = std::move(value);
    return;
  }
  index_.emplace(name, items_.size());
  items_.emplace_back(name, std::move(value));
}

void parameters::erase(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return;
  const std::size_t gone = found->second;
  index_.erase(found);
  items_.erase(items_.begin() + static_cast<std::ptrdiff_t>(gone));
  for (auto& entry : index_) entry.second -= entry.second > gone ? 1 : 0;
}

const at::Tensor& parameters::at(const std::string& name) const {
  const auto found = index_.find(name);
  FRESHET_ENSURE(found != index_.end(), "parameters: no tensor named " + name);
  return items_[found->second].second;
}

at::Tensor parameters::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? at::Tensor() : items_[found->second].second;
}

std::int64_t parameters::count_values() const {
  std::int64_t n = 0;
  for (const auto& item : items_) n += item.second.numel();
  return n;
}

parameters parameters::clone() const {
  parameters copy;
  for (const auto& item : items_) copy.set(item.first, item.second.detach().clone());
  return copy;
}

}  // namespace freshet::model
