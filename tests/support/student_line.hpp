// A line of student versions for tests of the downlink: version 0 is drawn at random, each further
// one is made by the codec that devices will decode.
#pragma once

#include "kernels/base/rng.hpp"
#include "kernels/delta/codec.hpp"
#include "kernels/delta/refresh.hpp"
#include "topology/message/any_message.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace freshet::test {

class student_line {
 public:
  explicit student_line(std::uint64_t seed = 1, std::string codec = "dwc", std::uint64_t budget_bytes = 900)
      : random_(seed), codec_(std::move(codec)), budget_bytes_(budget_bytes) {
    parts.append("layer.0.lora_A.weight", 8, 96);
    parts.append("layer.0.norm.weight", 1, 128);
    parts.append("layer.1.lora_B.weight", 96, 8);
    values.assign(static_cast<std::size_t>(parts.total()), 0.0F);
    for (float& v : values) v = static_cast<float>(random_.normal());
    base = host_tensor::of(values);
    all.push_back(base);
  }

  /// Trains one version on and says so, as the distiller does.
  topology::version_committed advance() {
    std::vector<float> target = values;
    for (float& v : target) v += 0.02F * static_cast<float>(random_.normal());
    delta::artefact label;
    label.line = line;
    label.teacher = "big";
    auto made = delta::make_refresh({parts, target.data(), nullptr, budget_bytes_}, **delta::find_codec(codec_), values,
                                    number, std::move(label));
    topology::version_committed committed;
    committed.line = line;
    committed.base = number;
    committed.artefact = host_tensor::of(std::move(*delta::encode_artefact(made->made)));
    values = std::move(made->mirror);
    number = version(number.value + 1);
    committed.next = number;
    committed.result = hash();
    committed.values = host_tensor::of(values);
    all.push_back(committed.values);
    return committed;
  }
  /// The announcement without an update.
  [[nodiscard]] topology::version_committed announce() const {
    topology::version_committed committed;
    committed.line = line;
    committed.base = number;
    committed.next = number;
    committed.result = hash();
    committed.values = host_tensor::of(values);
    return committed;
  }
  [[nodiscard]] content_hash hash() const { return delta::hash_values(values.data(), values.size()); }
  [[nodiscard]] content_hash hash_of(std::uint64_t v) const {
    return delta::hash_values(all.at(static_cast<std::size_t>(v)).as<float>(), values.size());
  }

  delta::layout parts;
  content_hash line{4711};
  host_tensor base;
  std::vector<float> values;  ///< of `number`
  version number;
  std::vector<host_tensor> all;  ///< values of every version

 private:
  rng random_;
  std::string codec_;
  std::uint64_t budget_bytes_;
};

}  // namespace freshet::test
