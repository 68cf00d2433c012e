/** The repository of an image reference, without tag and digest: `public.ecr.aws/datadog/agent:7` → `public.ecr.aws/datadog/agent`. */
export function imageName(image: string): string {
  const [withoutDigest = ''] = image.split('@', 1);
  const colon = withoutDigest.lastIndexOf(':');
  // A colon before the last slash belongs to the port of the registry.
  return colon > withoutDigest.lastIndexOf('/') ? withoutDigest.slice(0, colon) : withoutDigest;
}
