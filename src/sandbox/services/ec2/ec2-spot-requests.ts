import { AwsError, type Operations } from '../../contracts.ts';
import { count, type Fields, optionalText, structure, texts } from '../../wire/fields.ts';
import { runInstancesChecks } from './ec2-authorization.ts';
import { describeOperation, tagSet } from './ec2-describe.ts';
import type { FleetDeps } from './ec2-fleets.ts';
import { isRefusal, launch } from './ec2-launcher.ts';
import { planLaunch } from './ec2-launch-plan.ts';
import { LAUNCH_TAG_TYPES } from './ec2-launch-templates.ts';
import { tagSpecifications } from './ec2-request-tags.ts';
import type { SpotRequest } from './ec2-state.ts';

/**
 * Requests for spot instances: those of launches, and those of RequestSpotInstances, which the official Terraform provider
 * sends for `aws_spot_instance_request`. A persistent request stays active until it is cancelled.
 */
export function spotRequestOperations(deps: FleetDeps): Operations {
  const { state } = deps;
  const planOf = (input: Fields) =>
    planLaunch(state, {
      data: structure(input, 'LaunchSpecification') ?? {},
      template: undefined,
      market: 'spot',
      maxPrice: optionalText(input, 'SpotPrice') === undefined ? undefined : Number(input['SpotPrice']),
      tags: tagSpecifications(input, LAUNCH_TAG_TYPES),
    });
  return {
    DescribeSpotInstanceRequests: describeOperation<SpotRequest>({
      action: 'DescribeSpotInstanceRequests',
      answer: 'spotInstanceRequestSet',
      items: () => state.visible(state.spotRequests),
      tags: (request) => request.tags,
      ids: {
        parameter: 'SpotInstanceRequestId',
        of: (request) => request.id,
        notFound: 'InvalidSpotInstanceRequestID.NotFound',
      },
      filters: {
        'spot-instance-request-id': (request) => request.id,
        'instance-id': (request) => request.instanceId,
        state: (request) => request.state,
        'status-code': (request) => request.statusCode,
        type: (request) => request.type,
      },
      shape: spotRequestMembers,
    }),
    RequestSpotInstances: {
      authorize: (input) => {
        const plan = planOf(input);
        const tags = tagSpecifications(input, LAUNCH_TAG_TYPES);
        return [...runInstancesChecks(state, [plan], tags, 'RunInstances'), ...deps.passRoleChecks([plan])];
      },
      run: (input, call) =>
        deps.idempotency.once(call.action, input, () => {
          if ((count(input, 'InstanceCount') ?? 1) !== 1)
            throw new AwsError('InvalidParameterValue', 'the sandbox starts one instance for each request');
          const spotType = optionalText(input, 'Type') === 'persistent' ? 'persistent' : 'one-time';
          const started = launch(deps, planOf(input), {
            fleetId: undefined,
            clientToken: optionalText(input, 'ClientToken'),
            principal: call.principal,
            spotType,
          });
          if (isRefusal(started)) throw new AwsError(started.code, started.message, 400);
          const request = state.spotRequests.get(started.spotRequestId ?? '');
          return { spotInstanceRequestSet: request === undefined ? [] : [spotRequestMembers(request)] };
        }),
    },
    CancelSpotInstanceRequests: {
      authorize: (input) =>
        texts(input, 'SpotInstanceRequestId').map((id) => ({
          action: 'ec2:CancelSpotInstanceRequests',
          resource: state.arn('spot-instances-request', id),
          context: { 'ec2:Region': state.region },
        })),
      run: (input) => ({
        spotInstanceRequestSet: texts(input, 'SpotInstanceRequestId').map((id) => {
          const request = state.spotRequests.get(id);
          if (request === undefined)
            throw new AwsError(
              'InvalidSpotInstanceRequestID.NotFound',
              `The spot instance request ID '${id}' does not exist`,
            );
          // The instance goes on running.
          request.state = 'cancelled';
          request.statusCode = 'request-canceled-and-instance-running';
          return { spotInstanceRequestId: id, state: 'cancelled' };
        }),
      }),
    },
  };
}

const spotRequestMembers = (request: SpotRequest): Fields => ({
  createTime: new Date(request.createdAt),
  instanceId: request.instanceId,
  launchSpecification: {
    imageId: request.imageId,
    instanceType: request.instanceType,
    subnetId: request.subnetId,
  },
  launchedAvailabilityZone: request.zone,
  productDescription: 'Linux/UNIX',
  spotInstanceRequestId: request.id,
  state: request.state,
  status: {
    code: request.statusCode,
    message: `Your spot request is ${request.statusCode}.`,
    updateTime: new Date(request.createdAt),
  },
  tagSet: tagSet(request.tags),
  type: request.type,
  instanceInterruptionBehavior: 'terminate',
});
