import { describe, expect, test } from 'vitest';

import { containersOf, definedRole, sideCarRole } from '../../../src/connect/target/side-cars.ts';
import { containerDefinitionRecord, containerRecord, taskRecord } from '../../support/ecs-records.ts';

describe('a side-car is known by its name or image', () => {
  test.each([
    ['ecs-service-connect-4QmkZd', 'registry/x:1', 'Service Connect proxy'],
    ['aws-guardduty-agent-UzJq', 'registry/x:1', 'GuardDuty agent'],
    ['log_router', 'public.ecr.aws/aws-observability/aws-for-fluent-bit:stable', 'FireLens log router'],
    ['log_router', 'fluent/fluent-bit:3.2', 'FireLens log router'],
    ['log_router', 'fluent/fluentd', 'FireLens log router'],
    ['xray', 'public.ecr.aws/xray/aws-xray-daemon:3.x', 'X-Ray daemon'],
    ['xray', 'amazon/aws-xray-daemon', 'X-Ray daemon'],
    ['otel', 'public.ecr.aws/aws-observability/aws-otel-collector:v0.43.1', 'OpenTelemetry collector'],
    ['otel', 'otel/opentelemetry-collector-contrib:0.120.0', 'OpenTelemetry collector'],
    [
      'envoy',
      '840364872350.dkr.ecr.eu-west-1.amazonaws.com/aws-appmesh-envoy:v1.29.12.1-prod',
      'Envoy proxy',
    ],
    ['envoy', 'envoyproxy/envoy:v1.33', 'Envoy proxy'],
    ['dd', 'public.ecr.aws/datadog/agent:7', 'Datadog agent'],
    ['dd', 'gcr.io/datadoghq/datadog-agent@sha256:0123', 'Datadog agent'],
    ['cw', 'public.ecr.aws/cloudwatch-agent/cloudwatch-agent:latest', 'CloudWatch agent'],
    ['cw', 'registry.example:5000/mirror/cloudwatch-agent:1@sha256:0123', 'CloudWatch agent'],
    ['agent', '1.dkr.ecr.eu-west-1.amazonaws.com/aws-guardduty-agent-fargate:v1', 'GuardDuty agent'],
  ])('%s of %s: %s', (name, image, role) => {
    expect(sideCarRole({ name, image })).toBe(role);
  });

  test.each([
    ['app', 'registry/orders-api:2'],
    ['agent', 'acme/agent:7'],
    ['web', 'acme/my-fluent-bit-ui:1'],
    ['proxy', 'registry.example:5000/envoy-config'],
    ['datadog', 'acme/notdatadog/agent'],
    ['app', ''],
  ])('%s of %s is none', (name, image) => {
    expect(sideCarRole({ name, image })).toBeUndefined();
  });
});

describe('a side-car whose image was copied is known by its role in the task definition', () => {
  test.each([
    [{ firelens: 'fluentbit' }, 'FireLens log router'],
    [{ isProxy: true }, 'Envoy proxy'],
    [{ udpPorts: [2000] }, 'X-Ray daemon'],
    [{ variables: ['AOT_CONFIG_CONTENT'] }, 'OpenTelemetry collector'],
    [{ variables: ['CW_CONFIG_CONTENT'] }, 'CloudWatch agent'],
    [{ variables: ['APPMESH_RESOURCE_ARN'] }, 'Envoy proxy'],
    [{ variables: ['DD_API_KEY', 'ECS_FARGATE'] }, 'Datadog agent'],
    [{ variables: ['DD_API_KEY'] }, undefined],
    [{ udpPorts: [53] }, undefined],
    [{}, undefined],
  ])('%j: %s', (definition, role) => {
    expect(definedRole(containerDefinitionRecord(definition))).toBe(role);
  });
});

describe('the containers of a task', () => {
  const app = containerRecord();
  const otel = containerRecord({ name: 'otel', image: 'amazon/aws-otel-collector' });
  const names = (containers: readonly { readonly name: string }[]): string[] =>
    containers.map(({ name }) => name);

  test('side-cars are apart from those of the application', () => {
    const { application, sideCars } = containersOf(taskRecord({ containers: [otel, app] }));
    expect(names(application)).toEqual(['app']);
    expect(sideCars).toEqual([{ container: otel, role: 'OpenTelemetry collector' }]);
  });

  test('where all look like side-cars, one of them is what the service runs', () => {
    const { application, sideCars } = containersOf(taskRecord({ containers: [otel] }));
    expect([names(application), sideCars]).toEqual([['otel'], []]);
  });

  test('a container that has ended before the others is not offered', () => {
    const migrate = containerRecord({ name: 'migrate', lastStatus: 'STOPPED' });
    expect(names(containersOf(taskRecord({ containers: [migrate, app] })).application)).toEqual(['app']);
    expect(names(containersOf(taskRecord({ containers: [migrate] })).application)).toEqual(['migrate']);
  });
});
