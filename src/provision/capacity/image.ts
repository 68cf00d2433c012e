import { noMatch, usage } from '../../core/errors.ts';
import type { Architecture, Image, ImagesPort } from '../ports/images.ts';
import { architectureOf, architecturesOf, checkTypes, DEFAULT_TYPES } from './pool.ts';

/** The images and instance types of a bastion: Amazon Linux 2023, or the images of an organisation. */

export const isImageId = (text: string): boolean => /^ami-[0-9a-f]{8,17}$/.test(text);

export interface ImagesAndTypes {
  readonly images: readonly Image[];
  readonly types: readonly string[];
}

/**
 * `named` are AMI ids or SSM parameters, at most one for each architecture; empty = the latest Amazon Linux 2023. Types
 * that were not given are those of the default pool that have an image. Throws `image-not-found`, `image-architecture`,
 * `instance-type`.
 */
export async function imagesAndTypes(
  named: readonly string[],
  givenTypes: readonly string[],
  port: ImagesPort,
): Promise<ImagesAndTypes> {
  const wanted = checkTypes(givenTypes.length > 0 ? givenTypes : DEFAULT_TYPES);
  if (named.length === 0)
    return {
      types: wanted,
      images: await Promise.all(architecturesOf(wanted).map((each) => port.latest(each))),
    };
  const images = await Promise.all(
    named.map(async (reference) => {
      const image = isImageId(reference) ? await port.byId(reference) : await port.byParameter(reference);
      if (image !== undefined) return image;
      throw noMatch(
        'image-not-found',
        `no image ${reference} in this region, or it is not shared with this account`,
        {
          details: { image: reference },
        },
      );
    }),
  );
  const byArchitecture = new Map<Architecture, Image>();
  for (const image of images) {
    const other = byArchitecture.get(image.architecture);
    if (other !== undefined)
      throw wrongArchitecture(`${other.id} and ${image.id} are both ${image.architecture} images`, images);
    byArchitecture.set(image.architecture, image);
  }
  const has = (type: string): boolean => byArchitecture.has(architectureOf(type));
  const without = givenTypes.find((type) => !has(type));
  if (without !== undefined)
    throw wrongArchitecture(
      `${without} needs an ${architectureOf(without)} image, and none is given`,
      images,
    );
  return { images, types: wanted.filter(has) };
}

const wrongArchitecture = (message: string, images: readonly Image[]): Error =>
  usage('image-architecture', message, {
    details: { architectures: images.map((image) => image.architecture) },
  });
