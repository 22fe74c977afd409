#include "actors/assembly/shared_encoder.hpp"

#include "kernels/base/hex.hpp"
#include "kernels/model/encoder_hash.hpp"

namespace freshet::actors {

result<void> check_shared_encoder(const std::string& student, content_hash encoder, const std::string& teacher,
                                  const model::multimodal& teacher_net) {
  const content_hash other = model::encoder_hash(teacher_net);
  if (other == encoder) return {};
  return {errc::config, "features travel (uplink_filter.format), and the vision tower of teacher.model " + teacher + " (" +
                            hex_of(other) + ") is another than that of the student " + student + " (" + hex_of(encoder) +
                            "); format \"dct\" or \"patches\" is right, or a teacher with the student's tower, preprocessing "
                            "and vision_feature_layer"};
}

}  // namespace freshet::actors
